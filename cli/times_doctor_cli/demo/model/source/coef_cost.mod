*==============================================================================
* coef_cost.mod  Discounted cost of one unit of each decision, MEUR.
*   One decision now, then SCN('YEARS') years of operation, each valued at its
*   middle. Capacity is paid by its annuity in the years it serves within that
*   horizon: what lives longer leaves its rest to later years, what lives
*   shorter is bought again at the same price.
*==============================================================================
SET YEAR / 1*60 /;
PARAMETERS
  PVF                     'worth today of 1 EUR in each year of the horizon'
  CST_CAP(TECH)           'new capacity, MEUR per GW'
  CST_LIN(LIN)            'new line capacity, MEUR per GW'
  CST_STO                 'new battery, MEUR per GW'
  CST_RUN(TECH,TS)        'one GW running through a slice of every year, MEUR';

* what 1 EUR of investment costs per year over a life in years
$MACRO ANNUITY(life) (SCN('RATE') / (1 - (1 + SCN('RATE')) ** (-(life))))

PVF = SUM(YEAR$(ORD(YEAR) LE SCN('YEARS')), (1 + SCN('RATE')) ** (0.5 - ORD(YEAR)));
CST_CAP(TECH)$TCH_LIFE(TECH) = PVF * (TCH_INV(TECH) * ANNUITY(TCH_LIFE(TECH)) + TCH_FOM(TECH));
CST_LIN(LIN)     = PVF * SCN('LIN_INV') * LIN_KM(LIN) * ANNUITY(SCN('LIN_LIFE'));
CST_STO          = PVF * (SCN('STO_INV') * ANNUITY(SCN('STO_LIFE')) + SCN('STO_FOM'));
* GW x hours = GWh; GWh x EUR/MWh = 1000 EUR
CST_RUN(TECH,TS) = PVF * HRS_ANN(TS) * TCH_VOM(TECH) / 1000;
