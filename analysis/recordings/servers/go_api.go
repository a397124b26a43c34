// A JSON service on net/http: bounded LRU on container/list, sessions in a map, texts on goroutines.
package main

import (
	"bytes"
	"container/list"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

func option(name string, otherwise int) int {
	if value, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return value
	}
	return otherwise
}

type chunk struct {
	next *chunk
	data []byte
}

// A constant payload a request; counted is the size class of what holds it.
type leak struct {
	sync.Mutex
	kind                    string
	dose, after, calls      int
	payload, counted        int
	list                    [][]byte
	objects                 []*[8]int64
	table                   map[string][]byte
	chain                   *chunk
	vector                  []byte
	slabs                   [][]byte
	used                    int
}

var classes = []int{16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384,
	416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456,
	4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384}

func class(size int) int {
	at := sort.SearchInts(classes, size)
	if at == len(classes) {
		return size
	}
	return classes[at]
}

func (l *leak) block() []byte {
	block := bytes.Repeat([]byte{byte('a' + l.calls%26)}, l.dose)
	l.counted += class(l.dose)
	return block
}

func (l *leak) step() (int, int) {
	l.Lock()
	defer l.Unlock()
	l.calls++
	if l.kind == "" || l.kind == "none" || l.calls <= l.after {
		return l.payload, l.counted
	}
	switch l.kind {
	case "list":
		l.list = append(l.list, l.block())
		l.counted += 24
	case "objects":
		for part := 0; part < max(1, l.dose/64); part++ {
			l.objects = append(l.objects, &[8]int64{int64(l.calls), int64(part)})
			l.counted += 64 + 8
		}
	case "map":
		l.table[fmt.Sprintf("key-%d", l.calls)] = l.block()
		l.counted += 16 + 40
	case "chunks":
		l.chain = &chunk{l.chain, l.block()}
		l.counted += 32
	case "vector":
		l.vector = append(l.vector, make([]byte, l.dose)...)
		l.counted += l.dose
	case "slabs":
		if len(l.slabs) == 0 || l.used+l.dose > 1<<20 {
			l.slabs = append(l.slabs, bytes.Repeat([]byte{1}, 1<<20))
			l.used = 0
		}
		copy(l.slabs[len(l.slabs)-1][l.used:], make([]byte, l.dose))
		l.used += l.dose
		l.counted += l.dose
	case "goroutine":
		if l.calls%5 == 0 {
			go func() { select {} }()
		}
		l.list = append(l.list, l.block())
		l.counted += 24 + 2048/5
	default:
		panic(l.kind)
	}
	l.payload += l.dose
	return l.payload, l.counted
}

type entry struct {
	key  int
	text []byte
}

type service struct {
	sync.Mutex
	order    *list.List
	entries  map[int]*list.Element
	sessions map[int]map[string]int
	log      []string
	cap      int
}

type row struct {
	I     int     `json:"i"`
	Word  string  `json:"word"`
	Score float64 `json:"score"`
}

func (s *service) cached(key, size int, body []byte) []byte {
	s.Lock()
	defer s.Unlock()
	if found, ok := s.entries[key]; ok {
		s.order.MoveToFront(found)
		return found.Value.(*entry).text
	}
	words := strings.Fields(string(body))
	rows := []row{}
	for i := 0; i <= size/50 && len(words) > 0; i++ {
		rows = append(rows, row{i, words[i%len(words)], float64(key*i%977) / 7})
	}
	text, _ := json.Marshal(rows)
	s.entries[key] = s.order.PushFront(&entry{key, text})
	if s.order.Len() > s.cap {
		oldest := s.order.Back()
		delete(s.entries, oldest.Value.(*entry).key)
		s.order.Remove(oldest)
	}
	return text
}

func (s *service) analyzed(key, size int, body []byte) []byte {
	counts := map[string]int{}
	for repeat := 0; repeat <= size/max(1, len(body)); repeat++ {
		for _, word := range strings.Fields(string(body)) {
			counts[word]++
		}
	}
	text, _ := json.Marshal(counts)
	s.Lock()
	s.sessions[key%3000] = counts
	s.Unlock()
	return text
}

func main() {
	l := &leak{kind: os.Getenv("LEAK"), dose: option("DOSE", 0), after: option("LEAK_AFTER", 0), table: map[string][]byte{}}
	s := &service{order: list.New(), entries: map[int]*list.Element{}, sessions: map[int]map[string]int{}, cap: option("CAP", 4000)}
	texts := os.Getenv("MODE") == "text"
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		path := strings.Split(r.URL.Path, "/")
		key, _ := strconv.Atoi(path[1])
		size, _ := strconv.Atoi(path[2])
		body, _ := io.ReadAll(r.Body)
		var answer []byte
		if texts {
			answer = s.analyzed(key, size, body)
		} else {
			answer = s.cached(key, size, body)
		}
		s.Lock()
		s.log = append(s.log, fmt.Sprintf("%v %d %d %s", time.Now(), key, size, body[:min(40, len(body))]))
		if len(s.log) > 2000 {
			s.log = append([]string{}, s.log[1000:]...)
		}
		s.Unlock()
		payload, counted := l.step()
		answer = answer[:min(len(answer), 200+size/4)]
		w.Header().Set("X-W", fmt.Sprintf("0 %d %d %d", os.Getpid(), payload, counted))
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Write(answer)
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
