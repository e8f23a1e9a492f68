*==============================================================================
* coef_time.mod  Hours, demand and weather of the time slices.
*==============================================================================
PARAMETERS
  HRS_DAY(TS)             'hours of a slice in one day'
  HRS_ANN(TS)             'hours of a slice in the year'
  DEM(ZONE,TS)            'demand in a slice, GW'
  AVA_VRE(WY,ZONE,TECH,TS) 'wind and sun by slice, GW per GW'
  HYD_ENE(WY,ZONE)        'water of the year, TWh';
SET TS_PREV(TS,TS2)       'TS2 comes before TS in the day, and the day closes on itself';
SCALAR DAY_LEN            'slices of a day';

HRS_DAY(TS)  = SUM(TS_HOUR(TS,HOUR), 1);
HRS_ANN(TS)  = HRS_DAY(TS) * SUM(TS_SEA(TS,SEA), SEA_DAYS(SEA));
DAY_LEN      = CARD(TS) / CARD(SEA);
TS_PREV(TS,TS2)$SUM(SEA$(TS_SEA(TS,SEA) AND TS_SEA(TS2,SEA)), 1)
             = (ORD(TS2) EQ ORD(TS) - 1) OR (ORD(TS2) EQ ORD(TS) + DAY_LEN - 1);

* TWh per year spread evenly is 1000/8760 GW for each TWh
DEM(ZONE,TS) = SUM(USE, DEM_ANN(ZONE,USE) * 1000 / 8760 * SUM(TS_HOUR(TS,HOUR), DEM_SHAPE(HOUR,USE))) / HRS_DAY(TS);

AVA_VRE(WY,ZONE,'SPV',TS) = SUM((TS_HOUR(TS,HOUR),ZONE_AREA(ZONE,AREA)), AVA_SUN(WY,HOUR,AREA))  / HRS_DAY(TS);
AVA_VRE(WY,ZONE,'WON',TS) = SUM((TS_HOUR(TS,HOUR),ZONE_AREA(ZONE,AREA)), AVA_WIND(WY,HOUR,AREA)) / HRS_DAY(TS);
AVA_VRE(WY,ZONE,'WOF',TS) = AVA_VRE(WY,ZONE,'WON',TS) * SCN('AVA_WOF');
HYD_ENE(WY,ZONE)          = HYD_FLH(WY) * CAP_EXI(ZONE,'HYD') / 1000;
