"""From events to solves: collected, ended, merged from several records."""
