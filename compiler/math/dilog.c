/* The dilogarithm Li2(x) = - integral of log(1 - t)/t over 0 .. x, for x <= 1; above, where it is complex, NaN.
 * With u = -log(1 - y):  Li2(y) = u - u^2/4 + u^3 p(u^2), -1 <= y <= 1/2, p from coefficients.h (Bernoulli numbers,
 * DLMF 25.12.7). The rest by DLMF 25.12.4 and 25.12.6: x < -1:   Li2(x) = -pi^2/6 - log(-x)^2/2 - Li2(1/x) x > 1/2:
 * Li2(x) = pi^2/6 - log(x) log(1 - x) - Li2(1 - x) */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

MathId math_dilog(MathBuilder *b, MathId x) {
    MathId one = math_real(b, 1), zero = math_real(b, 0), sixth = math_real(b, M_PI * M_PI / 6);
    MathId low = math_lt(b, x, math_real(b, -1)), high = math_lt(b, math_real(b, 0.5), x);
    MathId rest = math_sub(b, one, x);
    MathId y = math_select(b, low, math_div(b, one, x), math_select(b, high, rest, x));
    MathId u = math_neg(b, math_log1p(b, math_neg(b, y))), z = math_mul(b, u, u);
    MathId tail = math_fma(b, u, MATH_POLY(b, z, dilog_p), math_real(b, -0.25));
    MathId value = math_fma(b, z, tail, u);
    /* the logarithm that is not in u already: of -x or x */
    MathId log = math_log(b, math_select(b, low, math_neg(b, x), math_select(b, high, x, one)));
    MathId below = math_fma(b, math_mul(b, log, math_real(b, -0.5)), log, math_neg(b, sixth));
    /* log(x) log(1 - x) with log(1 - x) of the argument itself: u there is -log(x) */
    MathId other = math_log(b, math_select(b, high, rest, one));
    other = math_select(b, math_lt(b, zero, rest), other, zero); /* log(x) log(0) is 0 at x = 1 */
    MathId above = math_fma(b, math_neg(b, log), other, sixth);
    MathId result =
        math_select(b, low, math_sub(b, below, value), math_select(b, high, math_sub(b, above, value), value));
    return math_select(b, math_lt(b, one, x), math_real(b, NAN), result);
}
