// Command kernelgen writes the assembly of libs/kernel: one pair of files, assembly and Go stubs, for each tier of processors.
//
//	GOWORK=off go run . -out ../../libs/kernel
//
// It is a module of its own, so that nothing of what it needs enters a service. A test of libs/kernel proves that the committed
// files are what it writes.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// tier is one pair of files.
type tier struct {
	// suffix ends the name of each function.
	suffix string
	emit   func(g *generator)
}

func main() {
	// avo claims the flag "out" of the process for itself.
	flags := flag.NewFlagSet("kernelgen", flag.ExitOnError)
	out := flags.String("out", "../../libs/kernel", "the folder to write into")
	if err := flags.Parse(os.Args[1:]); err != nil {
		os.Exit(2)
	}
	for file, t := range map[string]tier{
		"avx2_amd64":   {"AVX2", emitAVX2},
		"avx512_amd64": {"AVX512", emitAVX512},
	} {
		if err := write(filepath.Join(*out, file), t); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// write generates one tier.
func write(path string, t tier) error {
	g := &generator{Context: build.NewContext(), suffix: t.suffix}
	g.ConstraintExpr("amd64,!noasm")
	t.emit(g)
	result, err := g.Result()
	if err != nil {
		build.LogError(log.New(os.Stderr, "", 0), err, 0)
		return fmt.Errorf("generate %s: %w", path, err)
	}
	if err := pass.Compile.Execute(result); err != nil {
		return fmt.Errorf("compile %s: %w", path, err)
	}
	config := printer.Config{Name: "scripts/kernelgen", Pkg: "kernel"}
	for name, p := range map[string]printer.Printer{path + ".s": printer.NewGoAsm(config), path + ".go": printer.NewStubs(config)} {
		text, err := p.Print(result)
		if err != nil {
			return fmt.Errorf("print %s: %w", name, err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// generator is avo's context with what the kernels have in common.
type generator struct {
	*build.Context
	suffix string
	labels int
	// lanes is where the numbers of the lanes lie.
	lanes *operand.Mem
}

// begin opens a function of this tier.
func (g *generator) begin(name, signature string, doc ...string) {
	g.Function(name + g.suffix)
	g.Pragma("noescape")
	g.Attributes(noSplit)
	g.SignatureExpr(signature)
	g.Doc(append([]string{fmt.Sprintf("%s%s is", name, g.suffix), ""}, doc...)...)
}

// label returns a name that no other label of the file has.
func (g *generator) label(name string) string {
	g.labels++
	return fmt.Sprintf("%s%d", name, g.labels)
}
