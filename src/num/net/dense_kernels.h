/*
 * dense_kernels.h: the kernels of dense.c, once per instruction set.
 *
 * Not a header but a template, included by dense.c with these defined:
 *
 *	KERNEL(name)	the name of a function for this instruction set
 *	TARGET			its attribute
 *	Lanes			a vector register, and LANES, how many floats it holds
 *	ZERO, SPREAD(x), LOAD(p), STORE(p, v), ADD(a, b), POSITIVE(v), MULADD(a, b, c)
 *	MANY_ROWS, MANY_PANELS, FEW_ROWS, FEW_PANELS, ONE_PANELS
 *					the tiles: sums that are kept in registers together
 *
 * The lanes of a register are columns, and a column's sum runs over the inputs
 * one by one: that is the order that dense.h promises, in a tile of any size.
 * Enough sums side by side hide the latency of the additions.
 */

#define VECTORS (DENSE_PANEL / LANES)

/*
 * A tile: rows x panels of the result.  Both numbers are constants where this is
 * inlined, so that its loops vanish and sum[] is in registers.
 */
TARGET static inline __attribute__((always_inline)) void
KERNEL(tile) (float *out, int out_stride, const float *in, const DenseLayer *layer,
			  int row, int column, const int rows, const int panels)
{
	const float *weight = layer->weight + column / DENSE_PANEL * layer->panel_stride;
	const float *x = in + (int64_t) row * layer->fan_in;
	Lanes		sum[MANY_ROWS][MAX_PANELS * VECTORS];

	UNROLL for (int r = 0; r < rows; r++)
		UNROLL for (int v = 0; v < panels * VECTORS; v++)
			sum[r][v] = ZERO;
	for (int i = 0; i < layer->fan_in; i++, weight += layer->input_stride)
	{
		Lanes		w[MAX_PANELS * VECTORS];

		UNROLL for (int v = 0; v < panels * VECTORS; v++)
			w[v] = LOAD(weight + v / VECTORS * layer->panel_stride + v % VECTORS * LANES);
		UNROLL for (int r = 0; r < rows; r++)
		{
			Lanes		spread = SPREAD(x[(int64_t) r * layer->fan_in + i]);

			UNROLL for (int v = 0; v < panels * VECTORS; v++)
				sum[r][v] = MULADD(spread, w[v], sum[r][v]);
		}
	}
	UNROLL for (int r = 0; r < rows; r++)
		UNROLL for (int v = 0; v < panels * VECTORS; v++)
		{
			int			at = column + v * LANES;
			Lanes		value = sum[r][v];

			if (layer->add != NULL)
				value = ADD(value, LOAD(layer->add + (int64_t) (row + r) * layer->add_stride + at));
			if (layer->relu)
				value = POSITIVE(value);
			STORE(out + (int64_t) (row + r) * out_stride + at, value);
		}
}

/*
 * Weights in the outer loop: those of a tile's columns are read for all rows
 * while they are in the first level cache.
 */
TARGET static void
KERNEL(forward) (float *out, int out_stride, const float *in, const DenseLayer *layer, int rows)
{
	int			many = rows - rows % MANY_ROWS;
	int			few = rows - (rows - many) % FEW_ROWS;

	for (int column = 0; column < layer->fan_out; column += MANY_PANELS * DENSE_PANEL)
		for (int row = 0; row < many; row += MANY_ROWS)
			KERNEL(tile) (out, out_stride, in, layer, row, column, MANY_ROWS, MANY_PANELS);
	if (many < few)
		for (int column = 0; column < layer->fan_out; column += FEW_PANELS * DENSE_PANEL)
			for (int row = many; row < few; row += FEW_ROWS)
				KERNEL(tile) (out, out_stride, in, layer, row, column, FEW_ROWS, FEW_PANELS);
	if (few < rows)
		for (int column = 0; column < layer->fan_out; column += ONE_PANELS * DENSE_PANEL)
			for (int row = few; row < rows; row++)
				KERNEL(tile) (out, out_stride, in, layer, row, column, 1, ONE_PANELS);
}

/*
 * Sixteen sums, of every sixteenth dimension, and then the halves of them added,
 * and the halves of these.
 */
TARGET static float
KERNEL(dot2) (const float *a, const float *b, const float *c, const float *d)
{
	Lanes		sum[VECTORS];
	float		sums[DENSE_PANEL];

	UNROLL for (int v = 0; v < VECTORS; v++)
	{
		Lanes		first = ZERO;
		Lanes		second = ZERO;

		for (int i = v * LANES; i < VECTOR_DIMS; i += DENSE_PANEL)
		{
			first = MULADD(LOAD(a + i), LOAD(b + i), first);
			if (c != NULL)
				second = MULADD(LOAD(c + i), LOAD(d + i), second);
		}
		sum[v] = ADD(first, second);
	}
	UNROLL for (int v = 0; v < VECTORS; v++)
		STORE(sums + v * LANES, sum[v]);
	for (int half = DENSE_PANEL / 2; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			sums[i] += sums[i + half];
	return sums[0];
}

#undef VECTORS
#undef KERNEL
#undef TARGET
#undef Lanes
#undef LANES
#undef ZERO
#undef SPREAD
#undef LOAD
#undef STORE
#undef ADD
#undef POSITIVE
#undef MULADD
#undef MANY_ROWS
#undef MANY_PANELS
#undef FEW_ROWS
#undef FEW_PANELS
#undef ONE_PANELS
