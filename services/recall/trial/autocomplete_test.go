package trial

import "testing"

func TestAutocompleteFinishesWhatIsTyped(t *testing.T) {
	f, err := Autocomplete{Items: 2000, Queries: 300, Seed: 1}.Run(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.Found != 1 || f.MisspeltFound < 0.5 || f.Phrases < 2000 || f.BytesPerItem <= 0 {
		t.Errorf("%+v", f)
	}
	if _, err := (Autocomplete{}).Run(t.Context(), func(string) {}); err == nil {
		t.Error("a shop of nothing is measured")
	}
}
