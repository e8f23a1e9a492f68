$offlisting
$if not set m $set m 800
$if not set n $set n 1600
$if not set seed $set seed 1
$if not set dens $set dens 1
option reslim=2, limrow=0, limcol=0, solprint=off, seed=%seed%;
set i /i1*i%m%/, j /j1*j%n%/;
parameter a(i,j), b(i), c(j);
a(i,j)$(uniform(0,1)<%dens%) = uniform(1,100);
b(i) = sum(j,a(i,j))*uniform(0.2,0.8);
c(j) = (sum(i,a(i,j))/card(i))*uniform(0.95,1.05);
positive variable x(j); variable z; x.up(j)=1;
equation obj, cap(i);
obj.. z =e= sum(j,c(j)*x(j));
cap(i).. sum(j,a(i,j)*x(j)) =l= b(i);
model dense /all/;
solve dense using lp max z;
display z.l, dense.modelstat, dense.solvestat, dense.iterusd, dense.resusd;
