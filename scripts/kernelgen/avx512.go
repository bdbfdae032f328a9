package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const noSplit = attr.NOSPLIT

// emitAVX512 writes the kernels for processors with AVX512F, BW, VL and VNNI.
func emitAVX512(g *generator) {
	g.dots512()
	g.scan512()
	g.nearest512()
	g.floats(func() reg.VecVirtual { return g.ZMM() }, 64)
	g.limits(func() reg.VecVirtual { return g.ZMM() }, 64)
}

// tile512 are the registers of a product of blocks with a query.
type tile512 struct {
	g             *generator
	rows, query   reg.Register
	groups, block reg.GPVirtual
	blocks3       reg.GPVirtual
}

func (g *generator) newTile512() *tile512 {
	t := &tile512{g: g}
	t.rows = g.Load(g.Param("rows"), g.GP64())
	t.query = g.Load(g.Param("query"), g.GP64())
	t.groups = g.GP64()
	g.Load(g.Param("groups"), t.groups)
	t.block, t.blocks3 = g.GP64(), g.GP64()
	g.MOVQ(t.groups, t.block)
	g.SHLQ(Imm(6), t.block)
	g.LEAQ(Mem{Base: t.block, Index: t.block, Scale: 2}, t.blocks3)
	return t
}

// product multiplies n blocks, 4 or 1, with the query and moves rows behind them. Two sums for each block keep the latency of
// VPDPBUSD hidden; groups is even. While it reads n blocks it asks for those that lie n blocks ahead.
func (t *tile512) product(n int) []reg.VecVirtual {
	g := t.g
	even, odd := make([]reg.VecVirtual, n), make([]reg.VecVirtual, n)
	for i := range n {
		even[i], odd[i] = g.ZMM(), g.ZMM()
		g.VPXORD(even[i], even[i], even[i])
		g.VPXORD(odd[i], odd[i], odd[i])
	}
	at, left := g.GP64(), g.GP64()
	g.MOVQ(t.query, at)
	g.MOVQ(t.groups, left)
	loop := g.label("groups")
	g.Label(loop)
	for half, sums := range [][]reg.VecVirtual{even, odd} {
		broadcast := g.ZMM()
		if n > 1 {
			g.VPBROADCASTD(Mem{Base: at, Disp: 4 * half}, broadcast)
		}
		for i := range n {
			m := Mem{Base: t.rows, Disp: 64 * half}
			switch i {
			case 1, 2:
				m.Index, m.Scale = t.block, uint8(i)
			case 3:
				m.Index, m.Scale = t.blocks3, 1
			}
			row := g.ZMM()
			g.VMOVDQU64(m, row)
			if n > 1 {
				g.VPDPBUSD(broadcast, row, sums[i])
			} else {
				g.VPDPBUSD_BCST(Mem{Base: at, Disp: 4 * half}, row, sums[i])
			}
		}
	}
	g.ADDQ(Imm(128), t.rows)
	g.ADDQ(Imm(8), at)
	g.SUBQ(Imm(2), left)
	g.JNZ(LabelRef(loop))
	if n == 4 {
		g.ADDQ(t.blocks3, t.rows)
	}
	for i := range n {
		g.VPADDD(odd[i], even[i], even[i])
	}
	return even
}

// resident is how many groups of a query are kept in registers: rows of 64 numbers are the most common, and then memory is read
// in one stream and nothing else is loaded.
const resident = 16

// stream runs body on the products of all blocks of rows with as many groups as are resident.
func (t *tile512) stream(left reg.GPVirtual, end string, body func(sums reg.VecVirtual)) {
	g := t.g
	var query [resident]reg.VecVirtual
	for i := range query {
		query[i] = g.ZMM()
		g.VPBROADCASTD(Mem{Base: t.query, Disp: 4 * i}, query[i])
	}
	loop := g.label("stream")
	g.Label(loop)
	g.TESTQ(left, left)
	g.JZ(LabelRef(end))
	var sums [2]reg.VecVirtual
	for i := range sums {
		sums[i] = g.ZMM()
		g.VPXORD(sums[i], sums[i], sums[i])
	}
	for i := range query {
		row := g.ZMM()
		g.VMOVDQU64(Mem{Base: t.rows, Disp: 64 * i}, row)
		g.VPDPBUSD(query[i], row, sums[i%len(sums)])
	}
	g.ADDQ(U32(64*resident), t.rows)
	g.VPADDD(sums[1], sums[0], sums[0])
	body(sums[0])
	g.DECQ(left)
	g.JMP(LabelRef(loop))
}

// each runs body on the products of all blocks, four at a time and then one at a time.
func (t *tile512) each(body func(sums reg.VecVirtual)) {
	g := t.g
	left := g.GP64()
	g.Load(g.Param("blocks"), left)
	four, one, end := g.label("four"), g.label("one"), g.label("end")
	g.CMPQ(t.groups, Imm(resident))
	g.JNE(LabelRef(four))
	t.stream(left, end, body)
	g.Label(four)
	g.CMPQ(left, Imm(4))
	g.JL(LabelRef(one))
	for _, sums := range t.product(4) {
		body(sums)
	}
	g.SUBQ(Imm(4), left)
	g.JMP(LabelRef(four))
	g.Label(one)
	g.TESTQ(left, left)
	g.JZ(LabelRef(end))
	body(t.product(1)[0])
	g.DECQ(left)
	g.JMP(LabelRef(one))
	g.Label(end)
}

func (g *generator) dots512() {
	g.begin("dots", "func(dst *int32, rows *uint8, query *int8, blocks, groups int)", dotsDoc...)
	dst := g.Load(g.Param("dst"), g.GP64())
	t := g.newTile512()
	t.each(func(sums reg.VecVirtual) {
		g.VMOVDQU32(sums, Mem{Base: dst})
		g.ADDQ(Imm(64), dst)
	})
	g.VZEROUPPER()
	g.RET()
}

// scores512 turns sums into scores.
type scores512 struct {
	g             *generator
	bias          reg.VecVirtual
	scales        reg.Register
	indices, step reg.VecVirtual
}

func (g *generator) newScores512() *scores512 {
	s := &scores512{g: g, bias: g.ZMM(), indices: g.ZMM(), step: g.ZMM()}
	s.scales = g.Load(g.Param("scales"), g.GP64())
	g.VPBROADCASTD(g.Load(g.Param("bias"), g.GP32()), s.bias)
	g.VMOVDQU32(g.iota(), s.indices)
	sixteen := g.GP32()
	g.MOVL(U32(16), sixteen)
	g.VPBROADCASTD(sixteen, s.step)
	return s
}

// iota is 0, 1, ... 15, declared once for all functions.
func (g *generator) iota() Mem {
	if g.lanes == nil {
		m := g.StaticGlobal("iota")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range uint32(16) {
			g.AppendDatum(U32(i))
		}
		g.lanes = &m
	}
	return *g.lanes
}

// of makes scores of sums, in place, and moves to the next 16 scales.
func (s *scores512) of(sums reg.VecVirtual) {
	s.g.VPSUBD(s.bias, sums, sums)
	s.g.VCVTDQ2PS(sums, sums)
	s.g.VMULPS(Mem{Base: s.scales}, sums, sums)
	s.g.ADDQ(Imm(64), s.scales)
}

// greater is the predicate "greater than, false for NaN, quiet" of VCMPPS.
const greater = 0x1e

func (g *generator) scan512() {
	g.begin("scan", "func(indices *uint32, scores *float32, rows *uint8, scales *float32, query *int8, blocks, groups int, bias int32, threshold float32) (n int)", scanDoc...)
	s := g.newScores512()
	indices := g.Load(g.Param("indices"), g.GP64())
	scores := g.Load(g.Param("scores"), g.GP64())
	threshold := g.ZMM()
	limit, _ := g.Param("threshold").Resolve()
	g.VBROADCASTSS(limit.Addr, threshold)
	n := g.GP64()
	g.XORQ(n, n)
	t := g.newTile512()
	t.each(func(sums reg.VecVirtual) {
		s.of(sums)
		mask, bits := g.K(), g.GP32()
		g.VCMPPS(Imm(greater), threshold, sums, mask)
		g.KMOVW(mask, bits)
		none := g.label("none")
		g.TESTL(bits, bits)
		g.JZ(LabelRef(none))
		// Compressing into a register and storing all of it is faster than compressing into memory; what lies behind the hits is
		// overwritten by the next ones, and scores and indices have room for all rows.
		packed := g.ZMM()
		g.VCOMPRESSPS_Z(sums, mask, packed)
		g.VMOVUPS(packed, Mem{Base: scores, Index: n, Scale: 4})
		found := g.ZMM()
		g.VPCOMPRESSD_Z(s.indices, mask, found)
		g.VMOVDQU32(found, Mem{Base: indices, Index: n, Scale: 4})
		g.POPCNTL(bits, bits)
		g.ADDQ(bits.As64(), n)
		g.Label(none)
		g.VPADDD(s.step, s.indices, s.indices)
	})
	g.Store(n, g.Return("n"))
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) nearest512() {
	g.begin("nearest", "func(indices *uint32, scores *float32, rows *uint8, scales *float32, query *int8, blocks, groups int, bias int32)", nearestDoc...)
	s := g.newScores512()
	indices := g.Load(g.Param("indices"), g.GP64())
	scores := g.Load(g.Param("scores"), g.GP64())
	best, at := g.ZMM(), g.ZMM()
	g.VMOVUPS(Mem{Base: scores}, best)
	g.VMOVDQU32(Mem{Base: indices}, at)
	t := g.newTile512()
	t.each(func(sums reg.VecVirtual) {
		s.of(sums)
		mask := g.K()
		g.VCMPPS(Imm(greater), best, sums, mask)
		g.VMOVAPS(sums, mask, best)
		g.VMOVDQA32(s.indices, mask, at)
		g.VPADDD(s.step, s.indices, s.indices)
	})
	g.VMOVUPS(best, Mem{Base: scores})
	g.VMOVDQU32(at, Mem{Base: indices})
	g.VZEROUPPER()
	g.RET()
}
