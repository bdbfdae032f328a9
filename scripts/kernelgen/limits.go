package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// busyChains is how many independent sums keep all multipliers of a core at work: latency times throughput, 5 x 2 at most.
const busyChains = 12

// limits writes the loops that only a limit of the machine holds up.
func (g *generator) limits(vector func() reg.VecVirtual, bytes int) {
	g.begin("read", "func(x *uint8, n int)", "\tfor i := range n {", "\t\t_ = x[i]", "\t}", "", "for n a multiple of 512.")
	x := g.Load(g.Param("x"), g.GP64())
	left := g.GP64()
	g.Load(g.Param("n"), left)
	loop := g.label("loop")
	g.Label(loop)
	for at := 0; at < 512; at += bytes {
		g.VMOVUPS(Mem{Base: x, Disp: at}, vector())
	}
	g.ADDQ(U32(512), x)
	g.SUBQ(U32(512), left)
	g.JNZ(LabelRef(loop))
	g.VZEROUPPER()
	g.RET()
	g.busy("busyFloat", vector, func(one, sum reg.VecVirtual) { g.VFMADD231PS(one, one, sum) })
	if bytes == 64 {
		g.busy("busyInt8", vector, func(one, sum reg.VecVirtual) { g.VPDPBUSD(one, one, sum) })
		return
	}
	g.busy("busyInt8", vector, func(one, sum reg.VecVirtual) {
		product := vector()
		g.VPMADDWD(one, one, product)
		g.VPADDD(product, sum, sum)
	})
}

// busy repeats an instruction on registers alone.
func (g *generator) busy(name string, vector func() reg.VecVirtual, step func(one, sum reg.VecVirtual)) {
	g.begin(name, "func(n int)", "\tfor range n {", "\t\t// multiply and add registers, 12 times", "\t}")
	left := g.GP64()
	g.Load(g.Param("n"), left)
	one := vector()
	sums := make([]reg.VecVirtual, busyChains)
	zero := func(v reg.VecVirtual) {
		if v.Size() == 64 {
			g.VPXORD(v, v, v)
		} else {
			g.VPXOR(v, v, v)
		}
	}
	zero(one)
	for i := range sums {
		sums[i] = vector()
		zero(sums[i])
	}
	loop := g.label("loop")
	g.Label(loop)
	for _, sum := range sums {
		step(one, sum)
	}
	g.DECQ(left)
	g.JNZ(LabelRef(loop))
	g.VZEROUPPER()
	g.RET()
}
