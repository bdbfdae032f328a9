package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unroll is how many registers the loops over float32 hold at once.
const unroll = 4

// floats writes the kernels over float32 with registers of some number of bytes.
func (g *generator) floats(vector func() reg.VecVirtual, bytes int) {
	g.dot(vector, bytes)
	g.axpy(vector, bytes)
	g.scale(vector, bytes)
}

// sweep runs over n float32: wide with all registers, narrow with one, single for what is left. advance moves the pointers.
func (g *generator) sweep(bytes int, pointers []reg.Register, wide, narrow, single func()) {
	left := g.GP64()
	g.Load(g.Param("n"), left)
	advance := func(by int) {
		for _, p := range pointers {
			g.ADDQ(U32(uint32(by)), p)
		}
		g.SUBQ(U32(uint32(by/4)), left)
	}
	labels := []string{g.label("wide"), g.label("narrow"), g.label("single"), g.label("end")}
	for i, step := range []struct {
		bytes int
		body  func()
	}{{unroll * bytes, wide}, {bytes, narrow}, {4, single}} {
		g.Label(labels[i])
		g.CMPQ(left, U32(uint32(step.bytes/4)))
		g.JL(LabelRef(labels[i+1]))
		step.body()
		advance(step.bytes)
		g.JMP(LabelRef(labels[i]))
	}
	g.Label(labels[len(labels)-1])
}

func (g *generator) dot(vector func() reg.VecVirtual, bytes int) {
	g.begin("dot", "func(x, y *float32, n int) (sum float32)", dotDoc...)
	x := g.Load(g.Param("x"), g.GP64())
	y := g.Load(g.Param("y"), g.GP64())
	var sums [unroll]reg.VecVirtual
	for i := range sums {
		sums[i] = vector()
		if bytes == 64 {
			g.VPXORD(sums[i], sums[i], sums[i])
		} else {
			g.VXORPS(sums[i], sums[i], sums[i])
		}
	}
	rest := g.XMM()
	g.VXORPS(rest, rest, rest)
	step := func(i int) {
		v := vector()
		g.VMOVUPS(Mem{Base: x, Disp: i * bytes}, v)
		g.VFMADD231PS(Mem{Base: y, Disp: i * bytes}, v, sums[i])
	}
	g.sweep(bytes, []reg.Register{x, y}, func() {
		for i := range sums {
			step(i)
		}
	}, func() { step(0) }, func() {
		v := g.XMM()
		g.VMOVSS(Mem{Base: x}, v)
		g.VFMADD231SS(Mem{Base: y}, v, rest)
	})
	g.VADDPS(sums[1], sums[0], sums[0])
	g.VADDPS(sums[3], sums[2], sums[2])
	g.VADDPS(sums[2], sums[0], sums[0])
	if bytes == 64 {
		upper := g.YMM()
		g.VEXTRACTF64X4(Imm(1), sums[0], upper)
		g.VADDPS(upper, sums[0].AsY(), sums[0].AsY())
	}
	half, other := g.XMM(), g.XMM()
	g.VEXTRACTF128(Imm(1), sums[0].AsY(), half)
	g.VADDPS(half, sums[0].AsX(), half)
	g.VPERMILPS(Imm(0b01_00_11_10), half, other)
	g.VADDPS(other, half, half)
	g.VPERMILPS(Imm(0b10_11_00_01), half, other)
	g.VADDSS(other, half, half)
	g.VADDSS(rest, half, half)
	g.Store(half, g.Return("sum"))
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) axpy(vector func() reg.VecVirtual, bytes int) {
	g.begin("axpy", "func(y, x *float32, n int, alpha float32)", axpyDoc...)
	y := g.Load(g.Param("y"), g.GP64())
	x := g.Load(g.Param("x"), g.GP64())
	alpha := vector()
	m, _ := g.Param("alpha").Resolve()
	g.VBROADCASTSS(m.Addr, alpha)
	step := func(i int) {
		v := vector()
		g.VMOVUPS(Mem{Base: y, Disp: i * bytes}, v)
		g.VFMADD231PS(Mem{Base: x, Disp: i * bytes}, alpha, v)
		g.VMOVUPS(v, Mem{Base: y, Disp: i * bytes})
	}
	g.sweep(bytes, []reg.Register{y, x}, func() {
		for i := range unroll {
			step(i)
		}
	}, func() { step(0) }, func() {
		v := g.XMM()
		g.VMOVSS(Mem{Base: y}, v)
		g.VFMADD231SS(Mem{Base: x}, alpha.AsX(), v)
		g.VMOVSS(v, Mem{Base: y})
	})
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) scale(vector func() reg.VecVirtual, bytes int) {
	g.begin("scale", "func(x *float32, n int, alpha float32)", scaleDoc...)
	x := g.Load(g.Param("x"), g.GP64())
	alpha := vector()
	m, _ := g.Param("alpha").Resolve()
	g.VBROADCASTSS(m.Addr, alpha)
	step := func(i int) {
		v := vector()
		g.VMULPS(Mem{Base: x, Disp: i * bytes}, alpha, v)
		g.VMOVUPS(v, Mem{Base: x, Disp: i * bytes})
	}
	g.sweep(bytes, []reg.Register{x}, func() {
		for i := range unroll {
			step(i)
		}
	}, func() { step(0) }, func() {
		v := g.XMM()
		g.VMULSS(Mem{Base: x}, alpha.AsX(), v)
		g.VMOVSS(v, Mem{Base: x})
	})
	g.VZEROUPPER()
	g.RET()
}
