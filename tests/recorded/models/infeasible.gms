$offlisting
option limrow=0, limcol=0, solprint=off, seed=11;
set i /i1*i300/, j /j1*j400/;
parameter a(i,j), c(j);
a(i,j)$(uniform(0,1)<0.2) = uniform(1,10); c(j) = uniform(1,5);
positive variable x(j); variable z;
equation obj, need(i), share(j), few;
obj.. z =e= sum(j, c(j)*x(j));
need(i).. sum(j, a(i,j)*x(j)) =g= 100;
share(j).. x(j) =l= 0.2 + 0.01*sum(i, a(i,j))/card(i);
few.. sum(j, x(j)) =l= 6;
model m /all/;
solve m using lp min z;
