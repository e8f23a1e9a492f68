$include no_such_file.dd
variable z; equation e; e.. z =e= 1; model m /all/; solve m using lp min z;
