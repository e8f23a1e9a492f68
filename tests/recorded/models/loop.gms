$offlisting
$if not set k $set k 40
$if not set n $set n 300
option limrow=0, limcol=0, solprint=off, seed=5;
set i /i1*i%n%/, j /j1*j%n%/, k /k1*k%k%/;
parameter a(i,j), b(i), c(j);
a(i,j)$(uniform(0,1)<0.3) = uniform(1,100); b(i) = sum(j,a(i,j))*uniform(0.2,0.8); c(j) = sum(i,a(i,j))/card(i)*uniform(0.95,1.05);
positive variable x(j); variable z; x.up(j)=1;
equation obj, cap(i);
obj.. z =e= sum(j,c(j)*x(j));
cap(i).. sum(j,a(i,j)*x(j)) =l= b(i);
model lp /all/;
parameter r(k);
loop(k, b(i)=b(i)*uniform(0.9,1.1); solve lp using lp max z; r(k)=z.l; );
display r;
