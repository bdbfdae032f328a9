package dataset

import (
	"strings"
	"unicode"
)

// role is what a column is taken for; "" is an attribute of an item, or nothing in an event.
type role string

// The roles of columns. Several columns of one file may have the same role; the one with the lower rank wins where it is filled.
const (
	roleID           role = "id"
	roleTitle        role = "title"
	roleTitles       role = "titles"
	roleBrand        role = "brand"
	roleCategories   role = "categories"
	roleLevel        role = "category"
	roleType         role = "product_type"
	roleSize         role = "package_size"
	rolePrice        role = "price"
	roleCents        role = "price_in_cents"
	roleDescription  role = "description"
	roleImage        role = "image_url"
	roleURL          role = "url"
	roleCurrency     role = "currency"
	roleAvailability role = "availability"
	roleStock        role = "stock"
	roleCreated      role = "created_at"
	roleUpdated      role = "updated_at"
	roleAttributes   role = "attributes"
	roleVector       role = "vector"
	roleKey          role = "left out: a key or code"

	roleEvent       role = "event"
	roleEventID     role = "event_id"
	roleTime        role = "timestamp"
	roleShopper     role = "shopper_id"
	roleSession     role = "session_id"
	rolePlacement   role = "item_list_id"
	roleSearch      role = "search_term"
	roleItems       role = "items"
	roleItem        role = "item_id"
	roleIndex       role = "index"
	roleQuantity    role = "quantity"
	roleTotal       role = "total"
	roleValue       role = "value"
	roleTransaction role = "transaction_id"
	roleRequest     role = "request_id"
	roleModel       role = "model"
	roleVerified    role = "verified"
	roleConsent     role = "consent"
)

// itemNames and eventNames list the names of each role, the one that wins first. They are compared after [plainName].
var itemNames = map[role]string{
	roleID: "id item_id product_id productid item_code product_code sku variant_sku asin parent_asin article_id article_number " +
		"stock_code external_id item product handle",
	roleTitle:      "title product_title item_title product_name item_name display_name name headline label",
	roleTitles:     "titles title_translations names",
	roleBrand:      "brand brand_name supplier vendor manufacturer manufacturer_name maker producer store publisher",
	roleCategories: "categories category_path category_tree product_category_tree category_hierarchy breadcrumb breadcrumbs google_product_category taxonomy",
	// The rank is the place in the path, from broad to narrow.
	roleLevel: "department division main_category main_cat category_1 category1 category category_name cat product_category " +
		"product_group category_2 category2 sub_category subcategory category_3 category3 sub_subcategory product_type category_4 style",
	roleSize: "package_size pack_size unit_size size",
	rolePrice: "sale_price current_price price unit_price selling_price variant_price discounted_price price_amount regular_price " +
		"list_price retail_price msrp mrp",
	roleCents:       "price_in_cents price_cents unit_amount price_minor amount_cents",
	roleDescription: "description long_description product_description body_html body short_description summary",
	roleImage: "image_url image image_link image_src img_500x500 img_high img_url imgurl im_url image_high picture_url picture " +
		"photo images image_urls img_low img_thumb thumbnail main_image",
	roleURL:          "url link product_url permalink href",
	roleCurrency:     "currency currency_code price_currency",
	roleAvailability: "availability in_stock is_in_stock stock_status is_available available",
	roleStock:        "current_stock stock stock_quantity quantity_in_stock inventory inventory_quantity qty_available",
	roleCreated: "created_at date_released release_date released_at launch_date launched_at date_created creation_date published_at " +
		"publication_date date_added available_from created",
	roleUpdated:    "updated_at date_modified modified_at last_modified updated",
	roleAttributes: "attributes attrs specifications specs properties details features",
	roleVector:     "vector embedding embeddings item_vector item_embedding",
	roleKey:        "ean gtin upc barcode isbn mpn uuid guid ean13 gtin13 gtin14 ean_code item_group_id",
}

var eventNames = map[role]string{
	roleEvent:   "event event_name event_type kind action action_type action_name behavior behaviour behavior_type interaction interaction_type type",
	roleEventID: "event_id eventid insert_id message_id",
	roleTime: "timestamp event_time transaction_timestamp event_timestamp timestamp_ms unix_timestamp datetime date_time time ts occurred_at " +
		"created_at invoice_date order_date purchase_date transaction_date event_date date day",
	roleShopper: "shopper_id user_id userid visitor_id visitorid household_id customer_id customer client_id user_pseudo_id member_id " +
		"account_id person_id anonymous_id reviewer_id user uid",
	roleSession:     "session_id sessionid session ga_session_id visit_id sid",
	rolePlacement:   "item_list_id placement list_id item_list_name page_type",
	roleSearch:      "search_term query search_query user_query search_string keywords keyword q",
	roleItems:       "items product_details products item_ids product_ids",
	roleItem:        "item_id itemid product_id productid sku asin article_id stock_code product_code item product",
	roleIndex:       "index position rank slot",
	roleQuantity:    "quantity qty units quantity_sold",
	rolePrice:       "price unit_price item_price",
	roleTotal:       "sales_value line_total total_price total sales amount",
	roleValue:       "value revenue order_value",
	roleCurrency:    "currency currency_code",
	roleTransaction: "transaction_id transactionid basket_id order_id order_number invoice_no invoice_id invoice receipt_id purchase_transaction",
	roleRequest:     "request_id query_id",
	roleModel:       "model",
	roleVerified:    "verified",
	roleConsent:     "consent",
}

// column is what one column of a file is taken for.
type column struct {
	role role
	rank int
	// key is the name of the attribute or the tag of the language.
	key string
	// marked columns carry an attribute prefix.
	marked bool
}

// columns finds the role of each column name, once.
type columns struct {
	byName map[string]column
	known  map[string]column
	item   bool
}

// maxColumns is how many different names are remembered; JSON lines may invent a new one on every line.
const maxColumns = 20000

func newColumns(names map[role]string, item bool) *columns {
	c := &columns{byName: map[string]column{}, known: map[string]column{}, item: item}
	for r, list := range names {
		for rank, name := range strings.Fields(list) {
			c.byName[name] = column{role: r, rank: rank, key: name}
		}
	}
	return c
}

func (c *columns) of(name string) column {
	if found, ok := c.known[name]; ok {
		return found
	}
	found := c.find(name)
	if len(c.known) < maxColumns {
		c.known[name] = found
	}
	return found
}

func (c *columns) find(name string) column {
	plain := plainName(name)
	if found, ok := c.byName[plain]; ok {
		return found
	}
	if !c.item {
		return column{key: plain}
	}
	if key, marked := attributeName(plain); marked {
		return column{key: key, marked: true}
	}
	for _, prefix := range []string{"title_", "name_", "product_name_"} {
		if tag, ok := strings.CutPrefix(plain, prefix); ok && isLanguage(tag) {
			return column{role: roleTitles, key: tag}
		}
	}
	if strings.HasSuffix(plain, "_id") || strings.HasSuffix(plain, "_ids") || strings.HasPrefix(plain, "img_") {
		return column{role: roleKey, key: plain}
	}
	return column{key: plain}
}

// attributeName strips what exports put before the name of an attribute: attr_t_colour, attribute_colour, spec_weight.
func attributeName(plain string) (name string, marked bool) {
	for _, prefix := range []string{"attr_t_", "attr_n_", "attr_b_", "attr_", "attribute_", "attributes_", "spec_", "specs_"} {
		if rest, ok := strings.CutPrefix(plain, prefix); ok && rest != "" {
			return rest, true
		}
	}
	return plain, false
}

// languages are the tags that a column name may end with; others are too likely to be something else.
const languages = " zh en de fr es it pt nl pl ru ja ko ar tr sv da fi cs hu ro el he th vi hi uk zh_cn zh_tw zh_hans zh_hant pt_br en_us en_gb "

func isLanguage(tag string) bool { return strings.Contains(languages, " "+tag+" ") }

// plainName writes a column name in lower case with single underscores: "In stock?" and "inStock" become "in_stock".
func plainName(name string) string {
	var b strings.Builder
	lower, gap := false, false
	for _, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if (gap || lower && unicode.IsUpper(r)) && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap, lower = false, unicode.IsLower(r)
			b.WriteRune(unicode.ToLower(r))
		default:
			gap = true
		}
	}
	return b.String()
}
