NAME          TINY
ROWS
 N  COST
 G  DEMAND
COLUMNS
    X         COST      2.0          DEMAND    1.0
RHS
    RHS       DEMAND    10.0
ENDATA
