package mongo

import (
	"reflect"
	"testing"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

// TestEveryCollectionIsOfAKind: what is in no kind would stay behind when the store moves.
func TestEveryCollectionIsOfAKind(t *testing.T) {
	s := open(t, newDatabase(t))
	v, seen := reflect.ValueOf(s).Elem(), 0
	for i := range v.NumField() {
		if v.Type().Field(i).Type != reflect.TypeFor[*driver.Collection]() {
			continue
		}
		seen++
		name := v.Field(i).Elem().FieldByName("name").String()
		if _, ok := kinds[name]; !ok && name != "singles" {
			t.Errorf("the collection %s is of no kind", name)
		}
	}
	if seen < len(indexes) {
		t.Errorf("%d collections, of which %d have indexes", seen, len(indexes))
	}
}
