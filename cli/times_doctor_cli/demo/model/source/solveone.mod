*==============================================================================
* solveone.mod  Solve for the weather at hand (AVA, HYD); %1 is its label.
*==============================================================================
  VAR_GEN.UP(ZK_FIX(ZONE,TECH),TS) = AVA(ZONE,TECH,TS) * CAP_EXI(ZONE,TECH);
  VAR_GEN.UP(ZONE,'SHD',TS)        = DEM(ZONE,TS);
  SOLVE ENSYS MINIMIZING VAR_OBJ USING LP;
  GOOD = (ENSYS.SOLVESTAT EQ 1) AND (ENSYS.MODELSTAT EQ 1);
  RES_COST(%1)$GOOD = VAR_OBJ.L;
  RES_CO2P(%1)$GOOD = -EQ_CO2.M / PVF;
