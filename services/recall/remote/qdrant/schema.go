package qdrant

import (
	"crypto/sha1"
	"fmt"

	"github.com/qdrant/go-client/qdrant"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// Fields of the payload of a point. Those of numbers stand in a list of objects.
const (
	fieldID           = "id"
	fieldBrand        = "brand"
	fieldCategory     = "category"
	fieldAvailability = "availability"
	fieldAvailable    = "available"
	fieldPrice        = "price"
	fieldCreated      = "created_at"
	fieldAttributes   = "attributes"
	fieldNumbers      = "numbers"
	fieldKey          = "key"
	fieldValue        = "value"
)

// fields are what filters ask for, with the kind of index that each has.
var fields = map[string]qdrant.FieldType{
	fieldBrand:                        qdrant.FieldType_FieldTypeKeyword,
	fieldCategory:                     qdrant.FieldType_FieldTypeKeyword,
	fieldAvailability:                 qdrant.FieldType_FieldTypeKeyword,
	fieldAvailable:                    qdrant.FieldType_FieldTypeBool,
	fieldPrice:                        qdrant.FieldType_FieldTypeFloat,
	fieldCreated:                      qdrant.FieldType_FieldTypeInteger,
	fieldAttributes:                   qdrant.FieldType_FieldTypeKeyword,
	fieldNumbers + "[]." + fieldKey:   qdrant.FieldType_FieldTypeKeyword,
	fieldNumbers + "[]." + fieldValue: qdrant.FieldType_FieldTypeFloat,
}

// schema is the request that makes a collection.
func schema(collection string, dims int) *qdrant.CreateCollection {
	idf := qdrant.Modifier_Idf
	request := &qdrant.CreateCollection{
		CollectionName:      collection,
		SparseVectorsConfig: qdrant.NewSparseVectorsConfig(map[string]*qdrant.SparseVectorParams{words: {Modifier: &idf}}),
	}
	if dims > 0 {
		request.VectorsConfig = qdrant.NewVectorsConfigMap(map[string]*qdrant.VectorParams{
			dense: {Size: uint64(dims), Distance: qdrant.Distance_Cosine},
		})
	}
	return request
}

// point is an item as the collection holds it.
func (r *Retriever) point(c *retrieve.Change) *qdrant.PointStruct {
	v := r.maker.Item(c.Item)
	vectors := map[string]*qdrant.Vector{words: qdrant.NewVectorSparse(v.Indices, v.Values)}
	if x := retrieve.VectorOf(c.Item, r.dims); x != nil {
		vectors[dense] = qdrant.NewVectorDense(x)
	}
	return &qdrant.PointStruct{Id: pointID(c.ID), Vectors: qdrant.NewVectorsMap(vectors), Payload: payload(c)}
}

func payload(c *retrieve.Change) map[string]*qdrant.Value {
	facts := retrieve.FactsOf(c.Item)
	p := map[string]any{
		fieldID: string(c.ID), fieldAvailability: facts.Availability, fieldAvailable: facts.Available,
		fieldCategory: list(facts.Category), fieldAttributes: list(facts.Attributes),
	}
	if facts.Brand != "" {
		p[fieldBrand] = facts.Brand
	}
	if facts.Price != 0 {
		p[fieldPrice] = facts.Price
	}
	if facts.Created != 0 {
		p[fieldCreated] = facts.Created
	}
	numbers := make([]any, len(facts.Numbers))
	for i, n := range facts.Numbers {
		numbers[i] = map[string]any{fieldKey: n.Key, fieldValue: n.Value}
	}
	p[fieldNumbers] = numbers
	return qdrant.NewValueMap(p)
}

func list(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

// namespace is that of the ids of points: a UUID made once for this purpose.
var namespace = [16]byte{0x6f, 0x1d, 0x5c, 0x0e, 0x3a, 0x47, 0x4b, 0x5e, 0x9c, 0x1a, 0x52, 0x8e, 0x77, 0x0b, 0xd4, 0x21}

// pointID is the id of the point of an item: a UUID of version 5 (RFC 9562, section 5.5), because Qdrant takes no other names.
func pointID(id shop.ItemID) *qdrant.PointId {
	h := sha1.New()
	h.Write(namespace[:])
	h.Write([]byte(id))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return qdrant.NewIDUUID(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
}
