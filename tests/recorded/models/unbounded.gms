$offlisting
option limrow=0, limcol=0, solprint=off, seed=11;
set i /i1*i50/, j /j1*j60/;
parameter a(i,j); a(i,j) = uniform(-1,1);
positive variable x(j); variable z;
equation obj, cap(i);
obj.. z =e= sum(j, x(j));
cap(i).. sum(j, a(i,j)*x(j)) =l= 10;
model m /all/;
solve m using lp max z;
