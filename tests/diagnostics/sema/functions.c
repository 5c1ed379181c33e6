/* For E0343_functions_in_c.qtm. */
double one(double x) {
    return 2 * x;
}
double two(double x, double y) {
    return x + y;
}
