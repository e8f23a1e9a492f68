* a stand-in for a model generator: our own few lines
SET S, P;
PARAMETER COST(P);
