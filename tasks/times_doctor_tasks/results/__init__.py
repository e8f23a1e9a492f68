"""What a finished run's files say together: solves, verdict, whether the profile was applied."""
