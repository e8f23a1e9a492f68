*==============================================================================
* coef_net.mod  How an injection in one zone spreads over all lines (PTDF).
*   DC power flow: with voltage angles u, the flow of a line is b (u1 - u2) and
*   the injections are B u, where B is the Laplacian of the grid with weights
*   b. So flow = PTDF x injection, with PTDF = b (row1 - row2 of B^-1): a full
*   matrix, which is why the network rows are dense.
*==============================================================================
PARAMETERS
  SUS(LIN)                'susceptance of a line, relative'
  LAP(ZONE,ZONE)          'Laplacian of the grid, made regular'
  LAP_INV(ZONE,ZONE)      'its inverse'
  PTDF(LIN,ZONE)          'GW on the line for 1 GW fed in at the zone and taken out evenly everywhere';
SCALARS PIVOT, FACTOR;

SUS(LIN) = 100 / LIN_KM(LIN);

* B has no inverse (only differences of angles matter); with 1/n added everywhere it has one, which differs from the
* pseudo-inverse by a constant that the differences below cancel
LAP(Z1,Z2) = 1 / CARD(ZONE);
LOOP(LIN_ZZ(LIN,Z1,Z2),
  LAP(Z1,Z1) = LAP(Z1,Z1) + SUS(LIN);
  LAP(Z2,Z2) = LAP(Z2,Z2) + SUS(LIN);
  LAP(Z1,Z2) = LAP(Z1,Z2) - SUS(LIN);
  LAP(Z2,Z1) = LAP(Z2,Z1) - SUS(LIN));

* Gauss and Jordan without pivoting: the matrix is symmetric and positive definite
LAP_INV(ZONE,ZONE) = 1;
LOOP(Z1,
  PIVOT = LAP(Z1,Z1);
  LAP(Z1,Z3)     = LAP(Z1,Z3) / PIVOT;
  LAP_INV(Z1,Z3) = LAP_INV(Z1,Z3) / PIVOT;
  LOOP(Z2$(ORD(Z2) NE ORD(Z1)),
    FACTOR = LAP(Z2,Z1);
    LAP(Z2,Z3)     = LAP(Z2,Z3) - FACTOR * LAP(Z1,Z3);
    LAP_INV(Z2,Z3) = LAP_INV(Z2,Z3) - FACTOR * LAP_INV(Z1,Z3)));

PTDF(LIN,ZONE) = SUM(LIN_ZZ(LIN,Z1,Z2), SUS(LIN) * (LAP_INV(Z1,ZONE) - LAP_INV(Z2,ZONE)));
