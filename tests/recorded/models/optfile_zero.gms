* A driver that forbids the option file: the command line loses.
$offlisting
option limrow=0, limcol=0, solprint=off, seed=1;
set i /i1*i60/, j /j1*j80/;
parameter a(i,j), b(i), c(j);
a(i,j) = uniform(1,100); b(i) = sum(j,a(i,j))*uniform(0.2,0.8); c(j) = sum(i,a(i,j))/card(i)*uniform(0.95,1.05);
positive variable x(j); variable z; x.up(j)=1;
equation obj, cap(i);
obj.. z =e= sum(j,c(j)*x(j));
cap(i).. sum(j,a(i,j)*x(j)) =l= b(i);
model m /all/;
m.optfile=0;
solve m using lp max z;
