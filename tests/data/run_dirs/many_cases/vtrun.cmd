rem two cases, one after the other
set SRC=C:\Veda\GAMS_SrcTIMESv487
"C:\GAMS\42\gams.exe" case1.run idir1=%SRC% idir2=.\ r=%SRC%\_times.g00 --DSC=YES --GDXPATH=GAMSSAVE\ ^
  optcr=0.001 lo=1 gdx=GAMSSAVE\case1
"C:\GAMS\42\gams.exe" case2.run idir1=%SRC% idir2=.\ lo=1
