*==============================================================================
* maindrv.mod  From data to report. Called by the driver once all data are in:
*                $BATINCLUDE maindrv.mod mod
*              %1 is the suffix of the model variant to build (mod).
*==============================================================================
$IF NOT ERRORFREE $ABORT '*** ERRORS IN INPUT DATA ***'
$IF NOT SET ERR_ABORT $SET ERR_ABORT YES

* coefficients
$BATINCLUDE coef_time.%1
$BATINCLUDE coef_cost.%1
$BATINCLUDE coef_net.%1

* variables and equations
$BATINCLUDE eqmain.%1

* one solve for each weather year, then the design year
$BATINCLUDE solve.%1

* what came out
$BATINCLUDE rptmain.%1
