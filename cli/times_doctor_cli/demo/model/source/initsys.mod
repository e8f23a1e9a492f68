*==============================================================================
* initsys.mod  Every set and parameter that the data may fill, with its unit.
*              Included first; the .dd files then add the data ($ONMULTI).
*==============================================================================
$ONEMPTY
$ONMULTI

SETS
  SEA(*)                  'seasons'                                        / /
  TS(*)                   'time slices, in the order of the day'           / /
  HOUR(*)                 'hours of the typical days'                      / /
  AREA(*)                 'climate areas'                                  / /
  ZONE(*)                 'zones of the country'                           / /
  LIN(*)                  'transmission lines'                             / /
  TECH(*)                 'kinds of plant'                                 / /
  USE(*)                  'uses of electricity'                            / /
  WY(*)                   'weather years'                                  / /
  SCNPAR(*)               'numbers of a scenario'
    / RATE, YEARS, CO2, LIN_INV, LIN_LIFE, STO_INV, STO_LIFE, STO_FOM, STO_HRS, STO_EFF, AVA_WOF /;

ALIAS (ZONE,Z1,Z2,Z3), (TS,TS2);

SETS
  TS_SEA(TS,SEA)          'season of a slice'                              / /
  TS_HOUR(TS,HOUR)        'hours that make a slice'                        / /
  ZONE_AREA(ZONE,AREA)    'climate area of a zone'                         / /
  LIN_ZZ(LIN,ZONE,ZONE)   'ends of a line: from, to'                       / /;

PARAMETERS
  SEA_DAYS(SEA)           'days per year of a season'                      / /
  LIN_KM(LIN)             'length, km'                                     / /
  LIN_CAP(LIN)            'capacity today, GW either way'                  / /
  LIN_NEW(LIN)            'capacity that may be added, GW'                 / /
  TCH_INV(TECH)           'price of new capacity, MEUR per GW'             / /
  TCH_LIFE(TECH)          'life of new capacity, years'                    / /
  TCH_FOM(TECH)           'fixed cost of new capacity, MEUR per GW and a'  / /
  TCH_VOM(TECH)           'running cost, EUR per MWh'                      / /
  TCH_CO2(TECH)           'emission, t per MWh'                            / /
  TCH_AVA(TECH)           'share of the time a plant can run'              / /
  CAP_EXI(ZONE,TECH)      'capacity in operation, GW'                      / /
  CAP_NEW(ZONE,TECH)      'capacity that may be added, GW'                 / /
  STO_NEW(ZONE)           'battery power that may be added, GW'            / /
  DEM_ANN(ZONE,USE)       'demand, TWh per year'                           / /
  DEM_SHAPE(HOUR,USE)     'demand of an hour, relative to the mean'        / /
  HYD_FLH(WY)             'full-load hours of hydro in a weather year'     / /
  AVA_WIND(WY,HOUR,AREA)  'wind that can run, GW per GW'                   / /
  AVA_SUN(WY,HOUR,AREA)   'sun that can run, GW per GW'                    / /
  SCN(SCNPAR)             'the scenario, units in scenario.dd'             / /;
