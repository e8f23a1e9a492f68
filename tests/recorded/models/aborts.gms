option limrow=0, limcol=0;
variable z; equation e; positive variable x; x.up = 5;
e.. z =e= x;
model m /all/;
solve m using lp min z;
abort$(m.modelstat = 1) 'the check after the solve failed';
