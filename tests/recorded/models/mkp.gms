$offlisting
$if not set m $set m 10
$if not set n $set n 100
$if not set seed $set seed 3
$if not set lim $set lim 60
$if not set gap $set gap 0
option limrow=0, limcol=0, solprint=off, seed=%seed%, optcr=%gap%, reslim=%lim%;
set i /i1*i%m%/, j /j1*j%n%/;
parameter a(i,j), b(i), c(j);
a(i,j) = uniformint(1,1000); b(i) = floor(0.5*sum(j,a(i,j))); c(j) = floor(sum(i,a(i,j))/card(i)+500*uniform(0,1));
binary variable x(j); variable z;
equation obj, cap(i);
obj.. z =e= sum(j,c(j)*x(j));
cap(i).. sum(j,a(i,j)*x(j)) =l= b(i);
model mkp /all/; mkp.workspace=500;
solve mkp using mip max z;
display z.l, mkp.modelstat, mkp.solvestat, mkp.objest;
