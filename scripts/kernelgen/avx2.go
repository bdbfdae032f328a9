package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitAVX2 writes the kernels for processors with AVX2 and FMA.
func emitAVX2(g *generator) {
	g.dots2()
	g.scan2()
	g.dotInt16()
	g.largest()
	g.quantize()
	g.prefetch()
	g.floats(func() reg.VecVirtual { return g.YMM() }, 32)
	g.limits(func() reg.VecVirtual { return g.YMM() }, 32)
}

// tile2 are the registers of a product of blocks with a query.
type tile2 struct {
	g      *generator
	rows   reg.Register
	query  reg.Register
	groups reg.GPVirtual
}

func (g *generator) newTile2() *tile2 {
	t := &tile2{g: g, groups: g.GP64()}
	t.rows = g.Load(g.Param("rows"), g.GP64())
	t.query = g.Load(g.Param("query"), g.GP64())
	g.Load(g.Param("groups"), t.groups)
	return t
}

// product multiplies one block with the query and moves rows behind it. Bytes are widened to 16 bits first: the products of
// VPMADDUBSW do not fit. The sums of rows 0-7 and 8-15 are returned.
func (t *tile2) product() (low, high reg.VecVirtual) {
	g := t.g
	var sums [4]reg.VecVirtual
	for i := range sums {
		sums[i] = g.YMM()
		g.VPXOR(sums[i], sums[i], sums[i])
	}
	at, left := g.GP64(), g.GP64()
	g.MOVQ(t.query, at)
	g.MOVQ(t.groups, left)
	loop := g.label("groups")
	g.Label(loop)
	narrow, wide := g.XMM(), g.YMM()
	g.VPBROADCASTD(Mem{Base: at}, narrow)
	g.VPMOVSXBW(narrow, wide)
	for i := range sums {
		row := g.YMM()
		g.VPMOVZXBW(Mem{Base: t.rows, Disp: 16 * i}, row)
		g.VPMADDWD(row, wide, row)
		g.VPADDD(row, sums[i], sums[i])
	}
	g.ADDQ(Imm(64), t.rows)
	g.ADDQ(Imm(4), at)
	g.DECQ(left)
	g.JNZ(LabelRef(loop))
	g.VPHADDD(sums[1], sums[0], sums[0])
	g.VPHADDD(sums[3], sums[2], sums[2])
	const lowFirst = 0b11_01_10_00
	g.VPERMQ(Imm(lowFirst), sums[0], sums[0])
	g.VPERMQ(Imm(lowFirst), sums[2], sums[2])
	return sums[0], sums[2]
}

// each runs body on the products of all blocks.
func (t *tile2) each(body func(low, high reg.VecVirtual)) {
	g := t.g
	left := g.GP64()
	g.Load(g.Param("blocks"), left)
	loop, end := g.label("blocks"), g.label("end")
	g.Label(loop)
	g.TESTQ(left, left)
	g.JZ(LabelRef(end))
	body(t.product())
	g.DECQ(left)
	g.JMP(LabelRef(loop))
	g.Label(end)
}

func (g *generator) dots2() {
	g.begin("dots", "func(dst *int32, rows *uint8, query *int8, blocks, groups int)", dotsDoc...)
	dst := g.Load(g.Param("dst"), g.GP64())
	g.newTile2().each(func(low, high reg.VecVirtual) {
		g.VMOVDQU(low, Mem{Base: dst})
		g.VMOVDQU(high, Mem{Base: dst, Disp: 32})
		g.ADDQ(Imm(64), dst)
	})
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) scan2() {
	g.begin("scan", "func(indices *uint32, scores *float32, rows *uint8, scales *float32, query *int8, blocks, groups int, bias int32, threshold float32) (n int)", scanDoc...)
	indices := g.Load(g.Param("indices"), g.GP64())
	scores := g.Load(g.Param("scores"), g.GP64())
	scales := g.Load(g.Param("scales"), g.GP64())
	bias, threshold := g.YMM(), g.YMM()
	narrow := g.XMM()
	g.VMOVD(g.Load(g.Param("bias"), g.GP32()), narrow)
	g.VPBROADCASTD(narrow, bias)
	m, _ := g.Param("threshold").Resolve()
	g.VBROADCASTSS(m.Addr, threshold)
	n, first := g.GP64(), g.GP32()
	g.XORQ(n, n)
	g.XORL(first, first)
	room := g.AllocLocal(64)
	g.newTile2().each(func(low, high reg.VecVirtual) {
		var bits [2]reg.GPVirtual
		for i, sums := range []reg.VecVirtual{low, high} {
			g.VPSUBD(bias, sums, sums)
			g.VCVTDQ2PS(sums, sums)
			g.VMULPS(Mem{Base: scales, Disp: 32 * i}, sums, sums)
			mask := g.YMM()
			g.VCMPPS(Imm(greater), threshold, sums, mask)
			bits[i] = g.GP32()
			g.VMOVMSKPS(mask, bits[i])
		}
		g.ADDQ(Imm(64), scales)
		next, none := g.label("next"), g.label("none")
		g.SHLL(Imm(8), bits[1])
		g.ORL(bits[1], bits[0])
		g.JZ(LabelRef(none))
		g.VMOVUPS(low, room)
		g.VMOVUPS(high, room.Offset(32))
		g.Label(next)
		at, score := g.GP64(), g.GP32()
		g.XORQ(at, at)
		g.BSFL(bits[0], at.As32())
		g.MOVL(room.Idx(at, 4), score)
		g.MOVL(score, Mem{Base: scores, Index: n, Scale: 4})
		g.ADDL(first, at.As32())
		g.MOVL(at.As32(), Mem{Base: indices, Index: n, Scale: 4})
		g.INCQ(n)
		below := g.GP32()
		g.LEAL(Mem{Base: bits[0].As64(), Disp: -1}, below)
		g.ANDL(below, bits[0])
		g.JNZ(LabelRef(next))
		g.Label(none)
		g.ADDL(Imm(16), first)
	})
	g.Store(n, g.Return("n"))
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) dotInt16() {
	g.begin("dotInt16", "func(a, b *int16, n int) (sum int64)", append(dot16Doc, "", "for n a multiple of 16 and numbers within [-32767, 32767], so that two products fit into 32 bits.")...)
	a := g.Load(g.Param("a"), g.GP64())
	b := g.Load(g.Param("b"), g.GP64())
	left := g.GP64()
	g.Load(g.Param("n"), left)
	low, high := g.YMM(), g.YMM()
	g.VPXOR(low, low, low)
	g.VPXOR(high, high, high)
	loop, end := g.label("loop"), g.label("end")
	g.Label(loop)
	g.TESTQ(left, left)
	g.JZ(LabelRef(end))
	x := g.YMM()
	g.VMOVDQU(Mem{Base: a}, x)
	g.VPMADDWD(Mem{Base: b}, x, x)
	wide, top := g.YMM(), g.XMM()
	g.VPMOVSXDQ(x.AsX(), wide)
	g.VPADDQ(wide, low, low)
	g.VEXTRACTI128(Imm(1), x, top)
	g.VPMOVSXDQ(top, wide)
	g.VPADDQ(wide, high, high)
	g.ADDQ(Imm(32), a)
	g.ADDQ(Imm(32), b)
	g.SUBQ(Imm(16), left)
	g.JMP(LabelRef(loop))
	g.Label(end)
	g.VPADDQ(high, low, low)
	half := g.XMM()
	g.VEXTRACTI128(Imm(1), low, half)
	g.VPADDQ(half, low.AsX(), half)
	one := g.XMM()
	g.VPSHUFD(Imm(0b01_00_11_10), half, one)
	g.VPADDQ(one, half, half)
	sum := g.GP64()
	g.VMOVQ(half, sum)
	g.Store(sum, g.Return("sum"))
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) largest() {
	g.begin("largest", "func(x *float32, n int) (largest float32)", append(largeDoc, "", "for n a multiple of 8.")...)
	x := g.Load(g.Param("x"), g.GP64())
	left := g.GP64()
	g.Load(g.Param("n"), left)
	signs := g.StaticGlobal("signs")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	g.AppendDatum(U32(0x7fffffff))
	best, mask := g.YMM(), g.YMM()
	g.VBROADCASTSS(signs, mask)
	g.VXORPS(best, best, best)
	loop, end := g.label("loop"), g.label("end")
	g.Label(loop)
	g.TESTQ(left, left)
	g.JZ(LabelRef(end))
	v := g.YMM()
	g.VANDPS(Mem{Base: x}, mask, v)
	g.VMAXPS(v, best, best)
	g.ADDQ(Imm(32), x)
	g.SUBQ(Imm(8), left)
	g.JMP(LabelRef(loop))
	g.Label(end)
	half, other := g.XMM(), g.XMM()
	g.VEXTRACTF128(Imm(1), best, half)
	g.VMAXPS(best.AsX(), half, half)
	g.VPERMILPS(Imm(0b01_00_11_10), half, other)
	g.VMAXPS(other, half, half)
	g.VPERMILPS(Imm(0b10_11_00_01), half, other)
	g.VMAXPS(other, half, half)
	g.Store(half, g.Return("largest"))
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) quantize() {
	g.begin("quantize", "func(dst *int8, x *float32, n int, factor float32)", quantDoc...)
	dst := g.Load(g.Param("dst"), g.GP64())
	x := g.Load(g.Param("x"), g.GP64())
	left := g.GP64()
	g.Load(g.Param("n"), left)
	factor := g.YMM()
	m, _ := g.Param("factor").Resolve()
	g.VBROADCASTSS(m.Addr, factor)
	loop, end := g.label("loop"), g.label("end")
	g.Label(loop)
	g.TESTQ(left, left)
	g.JZ(LabelRef(end))
	low, high := g.YMM(), g.YMM()
	g.VMULPS(Mem{Base: x}, factor, low)
	g.VMULPS(Mem{Base: x, Disp: 32}, factor, high)
	g.VCVTPS2DQ(low, low)
	g.VCVTPS2DQ(high, high)
	g.VPACKSSDW(high, low, low)
	g.VPERMQ(Imm(0b11_01_10_00), low, low)
	half := g.XMM()
	g.VEXTRACTI128(Imm(1), low, half)
	g.VPACKSSWB(half, low.AsX(), half)
	g.VMOVDQU(half, Mem{Base: dst})
	g.ADDQ(Imm(64), x)
	g.ADDQ(Imm(16), dst)
	g.SUBQ(Imm(16), left)
	g.JMP(LabelRef(loop))
	g.Label(end)
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) prefetch() {
	g.begin("prefetch", "func(x *uint8, n int)", "\tfor i := 0; i < n; i += 64 {", "\t\t// ask for the cache line of x[i]", "\t}")
	x := g.Load(g.Param("x"), g.GP64())
	left := g.GP64()
	g.Load(g.Param("n"), left)
	loop, end := g.label("loop"), g.label("end")
	g.Label(loop)
	g.TESTQ(left, left)
	g.JLE(LabelRef(end))
	g.PREFETCHT0(Mem{Base: x})
	g.ADDQ(Imm(64), x)
	g.SUBQ(Imm(64), left)
	g.JMP(LabelRef(loop))
	g.Label(end)
	g.RET()
}
