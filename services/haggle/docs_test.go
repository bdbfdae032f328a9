package haggle

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/autoscaler"
	featurestore "github.com/haggle-commerce/haggle/services/feature-store"
	"github.com/haggle-commerce/haggle/services/gateway"
	"github.com/haggle-commerce/haggle/services/ranking"
	"github.com/haggle-commerce/haggle/services/recall"
	"github.com/haggle-commerce/haggle/services/trainer"
)

// TestConfiguration keeps docs/configuration.md as the configuration types have it.
func TestConfiguration(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Configuration\n\nGenerated from the configuration types (`go test ./services/haggle -run Configuration -update`). " +
		"A flag wins over the environment, the environment over the default.\n\nEvery service also answers `-help` with its table, " +
		"and `-probe`, which asks the one that runs at the admin port whether it is ready.\n")
	common := service.DefaultCommon()
	section(&b, "Every service", service.Fields("", "", &common))
	describe(&b, "gateway", gateway.Default())
	describe(&b, "recall", recall.Default())
	describe(&b, "ranking", ranking.Default())
	describe(&b, "feature-store", featurestore.Default())
	describe(&b, "trainer", trainer.Default())
	describe(&b, "autoscaler", autoscaler.Default())
	all := Default()
	all.Data = "(the user's cache folder)/haggle/data"
	section(&b, "haggle up (all in one)", service.Fields("haggle", "", &all))
	imported := importing{Target: "http://127.0.0.1:8080", Items: all.Items, Count: all.Count, Seed: all.Seed}
	section(&b, "haggle import", service.Fields("import", "", &imported))
	path := filepath.Join(root(t), "docs", "configuration.md")
	current(t, path, b.String())
}

func describe[C any](b *strings.Builder, name string, c C) {
	section(b, name, service.Fields(name, "", &c))
}

func section(b *strings.Builder, title string, fields []service.Field) {
	b.WriteString("\n## " + title + "\n\n" + service.Table(fields))
}
