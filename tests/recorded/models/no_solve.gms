set i /i1*i3/; parameter a(i); a(i) = ord(i); display a;
