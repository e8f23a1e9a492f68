set i /i1*i3/;
parameter a(i);
a(i) = b(i) + ;
variable z; equation e;
e.. z =e= sum(i, a(i));
model m /all/;
solve m using lp min z;
