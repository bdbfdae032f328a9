package kernel

// The loops of this file do no work: they show what the machine can do at most, for benchmarks to be compared with.

// Read reads all of x, whose length is a multiple of 512, and does nothing with it: as fast as memory, or the cache that holds it,
// can deliver.
func Read(x []uint8) {
	if len(x)%512 != 0 {
		panic("BUG: kernel: a length that is no multiple of 512")
	}
	for len(x) > 0 {
		n := min(len(x), piece)
		read(active, x[:n])
		x = x[n:]
	}
}

// busyAtOnce keeps one call of assembly below 100 us: 12 instructions take 6 cycles.
const busyAtOnce = 10_000

// BusyInt8 multiplies int8 in registers n times and returns how many multiplications with an addition that were; BusyFloat does
// it with float32.
func BusyInt8(n int) (multiplications float64) { return busy(n, busyInt8) }

// BusyFloat is described at [BusyInt8].
func BusyFloat(n int) (multiplications float64) { return busy(n, busyFloat) }

func busy(n int, run func(Tier, int) int) float64 {
	sum := 0.0
	for ; n > 0; n -= busyAtOnce {
		k := min(n, busyAtOnce)
		sum += float64(k) * float64(run(active, k))
	}
	return sum
}
