package dataset

import (
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// kindNames list the names of each kind of event beside its own. They are compared without regard to capitals and to what
// separates their words.
var kindNames = map[shop.EventKind]string{
	shop.ViewItemList:   "impression impressions view_list product_list_viewed item_impression",
	shop.SelectItem:     "click select click_item product_click product_clicked item_click",
	shop.ViewItem:       "view detail_page_view product_view product_viewed page_view item_view view_product pv",
	shop.AddToCart:      "cart add_cart product_added basket add_to_basket cart_add",
	shop.RemoveFromCart: "product_removed cart_remove remove_cart",
	shop.BeginCheckout:  "checkout checkout_started initiate_checkout start_checkout",
	shop.Purchase:       "purchase_complete buy order order_completed transaction purchased bought sale",
	shop.Refund:         "return order_refunded returned",
	shop.Search:         "query products_searched site_search view_search_results",
}

// Alias says which names are understood for one field, for documents and for people who wonder about their file.
type Alias struct {
	// Of is "item" or "event" for names of columns, and "kind" for names of events.
	Of string
	// Field is what a column is taken for, or the kind of event.
	Field string
	// Names are in the order in which they win, where a row has several of them.
	Names []string
	// About says what the field is and how it is read; "" for kinds of events.
	About string
}

// Aliases lists all names that the readers understand. Names of columns are compared without regard to capitals and to what
// separates their words: "Product ID" and "productId" are product_id.
func Aliases() []Alias {
	var all []Alias
	for _, f := range itemFields {
		all = append(all, Alias{"item", string(f.role), strings.Fields(itemNames[f.role]), f.about})
	}
	for _, f := range eventFields {
		all = append(all, Alias{"event", string(f.role), strings.Fields(eventNames[f.role]), f.about})
	}
	for _, kind := range shop.EventKinds {
		all = append(all, Alias{"kind", string(kind), append([]string{string(kind)}, strings.Fields(kindNames[kind])...), ""})
	}
	return all
}

// field says of a role what people need to know.
type field struct {
	role  role
	about string
}

// itemFields and eventFields give every role its place in [Aliases].
var itemFields = []field{
	{roleID, "The shop's own key. Needed."},
	{roleTitle, "Needed, unless a title can be made of a category, brand and size. An object holds titles by language."},
	{roleTitles, "Titles in further languages, an object by language; also columns such as `title_zh` and `name_de`."},
	{roleDescription, "HTML is taken out."},
	{roleBrand, ""},
	{roleCategories, "One path from broad to narrow: a list, or a text such as `Clothing > Jackets` (also with `|`, ` / `, `»` or `›`). The longest path wins."},
	{roleLevel, "One level of the path each, from broad to narrow in this order; used where there is no path."},
	{rolePrice, "In units of the currency: `12.5`, `12,50`, `$ 1,299.00`, `15.00 EUR`, `{\"amount\": 12.5, \"currency\": \"EUR\"}`."},
	{roleCents, "In hundredths; used where there is no price."},
	{roleCurrency, "Wins over one that stands beside the price."},
	{roleAvailability, "`in stock`, `out of stock`, `preorder`, yes or no, a schema.org address, or a number of pieces."},
	{roleStock, "A number of pieces; used where there is no availability."},
	{roleImage, "An address that begins with `http://`, `https://` or `/`; of several the first."},
	{roleURL, "As the image."},
	{roleCreated, "When the item came into the shop."},
	{roleUpdated, ""},
	{roleAttributes, "An object, a list of `{\"name\": ..., \"value\": ...}` or a list of texts; each becomes a facet."},
	{roleVector, "The shop's own embedding, of the text or of a picture: a list of numbers, as a text a JSON array; all of one length, up to 1,024."},
	{roleSize, "An attribute, and a part of the title where one has to be made."},
	{roleKey, "Keys and codes are no facets, nor are other columns that end with `_id` or begin with `img_`."},
}

var eventFields = []field{
	{roleEvent, "The kind of event, see below. A log without it has purchases where it has a column for an order, a quantity or a price, and views elsewhere."},
	{roleEventID, "Two events with one id are one. Left out, it is made of the line and its number, so that a file loaded twice counts once."},
	{roleTime, "Needed. RFC 3339, `2024-03-01 10:00:00` (UTC without a zone), `2024-03-01`, `20240301`, American `3/1/2024 10:00`, or a number of seconds, milli-, micro- or nanoseconds since 1970."},
	{roleShopper, "The shop's own id of the shopper; the gateway keeps a keyed hash of it and never the id."},
	{roleSession, ""},
	{roleItem, "The item of a line with one item."},
	{roleItems, "A list of objects with these columns, or of keys; as a text: JSON, or keys with spaces, commas, semicolons or bars between them."},
	{roleQuantity, "On a purchase 0 rejects the line, and less than 0 makes it a refund."},
	{rolePrice, "Of one piece."},
	{roleTotal, "Of the line; divided by the quantity where there is no price."},
	{roleIndex, "The place in the list, from 0."},
	{roleValue, "Of the whole event; left out, it is the sum of a transaction's lines."},
	{roleCurrency, ""},
	{roleTransaction, "The order. Lines of one order, shopper and kind become one event."},
	{rolePlacement, "Where the items stood: search, home, item, cart."},
	{roleSearch, "What was searched for."},
	{roleConsent, "`{\"personalization\": false}` takes the shopper and the session out; the event still counts for the items."},
	{roleRequest, "Read and not imported: only a signed token of the gateway may say so."},
	{roleModel, "As the request."},
	{roleVerified, "As the request."},
}
