*==============================================================================
* eqmain.mod  Variables and equations.
*   Power in GW, energy in TWh, CO2 in Mt, cost in MEUR of today.
*==============================================================================
SETS
  ZK(ZONE,TECH)           'plants that exist or may be built'
  ZK_NEW(ZONE,TECH)       'plants that may be built'
  ZK_FIX(ZONE,TECH)       'plants that only exist'
  LIN_X(LIN)              'lines that may be extended'
  ZSTO(ZONE)              'zones that may get a battery';

ZK_NEW(ZONE,TECH) = YES$CAP_NEW(ZONE,TECH);
ZK_FIX(ZONE,TECH) = YES$(CAP_EXI(ZONE,TECH) AND NOT ZK_NEW(ZONE,TECH));
ZK_FIX(ZONE,'SHD') = YES;
ZK(ZONE,TECH)     = ZK_NEW(ZONE,TECH) + ZK_FIX(ZONE,TECH);
LIN_X(LIN)        = YES$LIN_NEW(LIN);
ZSTO(ZONE)        = YES$STO_NEW(ZONE);

PARAMETERS
  AVA(ZONE,TECH,TS)       'share of a plant that can run in the weather at hand, GW per GW'
  HYD(ZONE)               'water in the weather at hand, TWh';

POSITIVE VARIABLES
  VAR_GEN(ZONE,TECH,TS)   'generation, GW'
  VAR_CAP(ZONE,TECH)      'new capacity, GW'
  VAR_LIN(LIN)            'new line capacity, GW'
  VAR_STO(ZONE)           'new battery power, GW'
  VAR_CHG(ZONE,TS)        'charging, GW'
  VAR_DIS(ZONE,TS)        'discharging, GW'
  VAR_LVL(ZONE,TS)        'energy in the battery at the end of a slice, GWh';
VARIABLE VAR_OBJ          'discounted system cost, MEUR';

EQUATIONS
  EQ_OBJ                  'cost of building and running the system'
  EQ_BAL(TS)              'what is generated is used'
  EQ_POS(LIN,TS)          'flow of a line within its capacity, forward'
  EQ_NEG(LIN,TS)          'and backward'
  EQ_AVA(ZONE,TECH,TS)    'plants that may be built: output within capacity and weather'
  EQ_HYD(ZONE)            'hydro within the water of the year'
  EQ_CO2                  'emission within the cap'
  EQ_CHG(ZONE,TS)         'charging within the power of the battery'
  EQ_DIS(ZONE,TS)         'discharging within the power of the battery'
  EQ_FUL(ZONE,TS)         'energy within the size of the battery'
  EQ_LVL(ZONE,TS)         'energy from one slice to the next';

* what a zone feeds into the grid, GW
$MACRO INJECTION(z,s) (SUM(ZK(z,TECH), VAR_GEN(z,TECH,s)) + (VAR_DIS(z,s) - VAR_CHG(z,s))$ZSTO(z) - DEM(z,s))

EQ_OBJ..
  VAR_OBJ =E= SUM(ZK_NEW(ZONE,TECH), CST_CAP(TECH) * VAR_CAP(ZONE,TECH))
            + SUM(LIN_X, CST_LIN(LIN_X) * VAR_LIN(LIN_X))
            + SUM(ZSTO, CST_STO * VAR_STO(ZSTO))
            + SUM((ZK(ZONE,TECH),TS), CST_RUN(TECH,TS) * VAR_GEN(ZONE,TECH,TS));

EQ_BAL(TS)..
  SUM(ZONE, INJECTION(ZONE,TS)) =E= 0;

EQ_POS(LIN,TS)..
  SUM(ZONE, PTDF(LIN,ZONE) * INJECTION(ZONE,TS)) =L= LIN_CAP(LIN) + VAR_LIN(LIN)$LIN_X(LIN);

EQ_NEG(LIN,TS)..
  SUM(ZONE, PTDF(LIN,ZONE) * INJECTION(ZONE,TS)) =G= -LIN_CAP(LIN) - VAR_LIN(LIN)$LIN_X(LIN);

EQ_AVA(ZK_NEW(ZONE,TECH),TS)..
  VAR_GEN(ZONE,TECH,TS) =L= AVA(ZONE,TECH,TS) * (CAP_EXI(ZONE,TECH) + VAR_CAP(ZONE,TECH));

EQ_HYD(ZONE)$ZK(ZONE,'HYD')..
  SUM(TS, HRS_ANN(TS) * VAR_GEN(ZONE,'HYD',TS)) / 1000 =L= HYD(ZONE);

EQ_CO2..
  SUM((ZK(ZONE,TECH),TS), HRS_ANN(TS) * TCH_CO2(TECH) * VAR_GEN(ZONE,TECH,TS)) / 1000 =L= SCN('CO2');

EQ_CHG(ZSTO,TS)..
  VAR_CHG(ZSTO,TS) =L= VAR_STO(ZSTO);

EQ_DIS(ZSTO,TS)..
  VAR_DIS(ZSTO,TS) =L= VAR_STO(ZSTO);

EQ_FUL(ZSTO,TS)..
  VAR_LVL(ZSTO,TS) =L= SCN('STO_HRS') * VAR_STO(ZSTO);

EQ_LVL(ZSTO,TS)..
  VAR_LVL(ZSTO,TS) =E= SUM(TS_PREV(TS,TS2), VAR_LVL(ZSTO,TS2))
                     + HRS_DAY(TS) * (SCN('STO_EFF') * VAR_CHG(ZSTO,TS) - VAR_DIS(ZSTO,TS) / SCN('STO_EFF'));

VAR_CAP.UP(ZK_NEW) = CAP_NEW(ZK_NEW);
VAR_LIN.UP(LIN_X)  = LIN_NEW(LIN_X);
VAR_STO.UP(ZSTO)   = STO_NEW(ZSTO);

MODEL ENSYS 'electricity system' / ALL /;
