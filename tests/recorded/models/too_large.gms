$offlisting
option limrow=0, limcol=0, solprint=off;
set i /i1*i2100/;
positive variable x(i); variable z;
equation obj, low(i);
obj.. z =e= sum(i, x(i));
low(i).. x(i) =g= ord(i);
model m /all/;
solve m using lp min z;
