package haggle

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium with an empty profile. Without one the test is skipped, loudly.
func browser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED LOUDLY: no Chromium on this machine, so nobody has looked at the page (apt-get install chromium)")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1360, 900))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(stop)
	return ctx
}

// shoot keeps a picture of the page in the folder that HAGGLE_SHOTS names, if it does.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("HAGGLE_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// testBrowser goes through the shop as a shopper does: search, open a product, put it into the cart, and see the
// recommendations change.
func testBrowser(t *testing.T, c *client, word string) {
	ctx := browser(t)
	// step runs what a shopper does, and a picture is kept of what it leads to.
	step := func(name string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		shoot(t, ctx, name)
	}
	step("home", chromedp.Navigate(c.url+"/"), chromedp.WaitVisible(".shelf .card"))
	visitor := read[string](t, ctx, `document.cookie.split("; ").find((c) => c.startsWith("haggle_visitor=")).slice(15)`)
	step("suggest", chromedp.SendKeys("#q", word[:len(word)-1]), chromedp.WaitVisible("#suggestions a"))
	suggestions := read[string](t, ctx, `document.querySelector("#suggestions").innerText`)
	before := c.recommend(t, visitor, "home").ids()
	step("results", chromedp.SendKeys("#q", word[len(word)-1:]+"\r"), chromedp.WaitVisible(".results .card"))
	cards := read[int](t, ctx, `document.querySelectorAll(".results .card").length`)
	step("product", chromedp.Click(".results .card:has(.add) .name"), chromedp.WaitVisible(".detail h1"), chromedp.WaitVisible(".shelf .card"))
	title := read[string](t, ctx, `document.querySelector(".detail h1").innerText`)
	step("added", chromedp.Click(".detail .add"), chromedp.WaitVisible(".detail .add.done"))
	begin := time.Now()
	for after := before; slices.Equal(before, after); after = c.recommend(t, visitor, "home").ids() {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("10 s after the item went into the cart the recommendations are the same: %v", after)
		}
	}
	t.Logf("recommendations changed %v after the click (objective: 1 s)", time.Since(begin))
	step("drawer", chromedp.Click("#drawer-open"), chromedp.WaitVisible("#drawer .receipt .stages"))
	receipts := read[string](t, ctx, `document.querySelector("#receipts").innerText`)
	failed := read[[]string](t, ctx, `performance.getEntriesByType("resource").filter((r) => r.responseStatus >= 400).map((r) => r.name)`)
	step("cart", chromedp.Navigate(c.url+"/cart"), chromedp.WaitVisible(".lines .name"))
	count := read[string](t, ctx, `document.querySelector("#cart-count").innerText`)
	step("home-after", chromedp.Navigate(c.url+"/"), chromedp.WaitVisible(".shelf .card"))
	if cards == 0 || title == "" || suggestions == "" {
		t.Errorf("cards = %d, title = %q, suggestions = %q, want some of each", cards, title, suggestions)
	}
	if count != "1" {
		t.Errorf("the cart shows %q items, want 1", count)
	}
	for _, want := range []string{"marginal", "fully loaded", "recall"} {
		if !strings.Contains(receipts, want) {
			t.Errorf("the drawer says nothing of %q:\n%s", want, receipts)
		}
	}
	if len(failed) > 0 {
		t.Errorf("these did not load: %v", failed)
	}
}

// read returns the value of a JavaScript expression on the page.
func read[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}
