positive variable x; variable z; equation o, e;
o.. z =e= x; e.. x =g= 1; model m /all/; option limrow=0, limcol=0; solve m using lp min z;
