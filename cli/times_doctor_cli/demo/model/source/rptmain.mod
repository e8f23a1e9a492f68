*==============================================================================
* rptmain.mod  The design year in a few tables of the listing.
*==============================================================================
PARAMETERS
  REP_NEW(TECH)           'new capacity, GW'
  REP_GEN(TECH)           'generation, TWh per year'
  REP_SYS(*)              'new lines and batteries (GW), CO2 (Mt), lines at their limit (line-slices)';

REP_NEW(TECH)       = SUM(ZK_NEW(ZONE,TECH), VAR_CAP.L(ZONE,TECH));
REP_GEN(TECH)       = SUM((ZK(ZONE,TECH),TS), HRS_ANN(TS) * VAR_GEN.L(ZONE,TECH,TS)) / 1000;
REP_SYS('lines')    = SUM(LIN_X, VAR_LIN.L(LIN_X));
REP_SYS('battery')  = SUM(ZSTO, VAR_STO.L(ZSTO));
REP_SYS('co2')      = EQ_CO2.L;
REP_SYS('limits')   = SUM((LIN,TS), 1$(ABS(EQ_POS.M(LIN,TS)) + ABS(EQ_NEG.M(LIN,TS)) > 1E-6));

OPTION RES_COST:4, RES_CO2P:2, REP_NEW:3, REP_GEN:3, REP_SYS:3;
DISPLAY RES_COST, RES_CO2P, REP_NEW, REP_GEN, REP_SYS;
