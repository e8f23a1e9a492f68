*==============================================================================
* solve.mod  One solve for each weather year, then the design year: the mean
*            of all of them. The design year is the answer of the model.
*==============================================================================
SET VRE(TECH)             'plants that run with the weather' / SPV, WON, WOF /;

PARAMETERS
  RES_COST(*)             'discounted system cost by weather, MEUR'
  RES_CO2P(*)             'price of CO2 by weather, EUR per t';
SCALAR GOOD               'every solve so far was optimal' / 1 /;

* have the solver read its option file (cplex.opt, highs.opt, ...)
ENSYS.OPTFILE = 1;

AVA(ZK(ZONE,TECH),TS) = TCH_AVA(TECH);

LOOP(WY,
  AVA(ZK(ZONE,VRE),TS) = AVA_VRE(WY,ZONE,VRE,TS);
  HYD(ZONE)            = HYD_ENE(WY,ZONE);
$ BATINCLUDE solveone.mod WY
* after a solve that failed or was stopped the others are not tried
  BREAK$(NOT GOOD);
);

AVA(ZK(ZONE,VRE),TS) = SUM(WY, AVA_VRE(WY,ZONE,VRE,TS)) / CARD(WY);
HYD(ZONE)            = SUM(WY, HYD_ENE(WY,ZONE)) / CARD(WY);
IF(GOOD,
$ BATINCLUDE solveone.mod "'DESIGN'"
);

$IFI %ERR_ABORT%==NO $GOTO CHECKED
ABORT$(NOT GOOD) '*** ERRORS DURING SOLUTION ***';
$LABEL CHECKED
