/*
 * A tree of names under random calls, against a model of it: what each call says, and after it what
 * is where, with how many links, and what directories list. Errors come in the order in which Linux
 * finds them.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { NAMES = 3, DEPTH = 3, NODES = 256, ROUNDS = 4000, NOTHING = -1 };
enum { NOREPLACE = 1, EXCHANGE = 2 };

struct node {
  bool used, is_directory;
  int links, parent, child[NAMES];
};

static struct node nodes[NODES];
static char base[96];
static unsigned seed = 3;

static unsigned below(unsigned limit) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % limit;
}

/* A name: the directory it is in, which of the names; or why there is no such directory. */
struct place {
  char path[128];
  int error, directory, name;
};

static void build_path(char *path, const int *names, int depth) {
  int n = snprintf(path, 128, "%s", base);
  for (int i = 0; i < depth; i++)
    n += snprintf(path + n, 128 - n, "/%s%c", below(8) ? "" : "./", 'x' + names[i]);
}

static struct place some_place(void) {
  struct place place = {.error = 0};
  int names[DEPTH], depth = 1 + below(DEPTH), at = 0;
  for (int i = 0; i < depth; i++)
    names[i] = below(NAMES);
  build_path(place.path, names, depth);
  for (int i = 0; i < depth - 1 && !place.error; i++) {
    int next = nodes[at].child[names[i]];
    if (next == NOTHING)
      place.error = ENOENT;
    else if (!nodes[next].is_directory)
      place.error = ENOTDIR;
    else
      at = next;
  }
  place.directory = at;
  place.name = names[depth - 1];
  return place;
}

static int *slot(struct place *place) { return &nodes[place->directory].child[place->name]; }

static int make(struct place *place, bool is_directory) {
  int made = 0;
  while (nodes[made].used)
    made++;
  nodes[made] = (struct node){true, is_directory, is_directory ? 2 : 1, place->directory, {0}};
  for (int i = 0; i < NAMES; i++)
    nodes[made].child[i] = NOTHING;
  *slot(place) = made;
  if (is_directory)
    nodes[place->directory].links++;
  return made;
}

static bool is_empty(int node) {
  for (int i = 0; i < NAMES; i++)
    if (nodes[node].child[i] != NOTHING)
      return false;
  return true;
}

/* One name of a node less; a directory has only one. */
static void drop(int node) {
  if (nodes[node].is_directory) {
    nodes[nodes[node].parent].links--;
    nodes[node].used = false;
  } else if (--nodes[node].links == 0) {
    nodes[node].used = false;
  }
}

static bool is_below(int node, int ancestor) {
  while (node != ancestor && node != 0)
    node = nodes[node].parent;
  return node == ancestor;
}

static int result_of(long result) { return result < 0 ? errno : 0; }

static bool is_full(void) {
  int used = 0;
  for (int i = 0; i < NODES; i++)
    used += nodes[i].used;
  return used > NODES - 2;
}

static bool do_create(void) {
  if (is_full())
    return true;
  struct place place = some_place();
  bool exclusive = below(2);
  int fd = open(place.path, O_RDWR | O_CREAT | (exclusive ? O_EXCL : 0), 0600);
  int got = result_of(fd), want = place.error;
  if (fd >= 0)
    close(fd);
  if (!want && *slot(&place) != NOTHING)
    want = exclusive ? EEXIST : nodes[*slot(&place)].is_directory ? EISDIR : 0;
  else if (!want)
    make(&place, false);
  return got == want;
}

static bool do_mkdir(void) {
  if (is_full())
    return true;
  struct place place = some_place();
  int got = result_of(mkdir(place.path, 0700)), want = place.error;
  if (!want && *slot(&place) != NOTHING)
    want = EEXIST;
  else if (!want)
    make(&place, true);
  return got == want;
}

static bool do_remove(bool directory) {
  struct place place = some_place();
  int got = result_of(directory ? rmdir(place.path) : unlink(place.path)), want = place.error;
  if (want)
    return got == want;
  int node = *slot(&place);
  if (node == NOTHING)
    want = ENOENT;
  else if (nodes[node].is_directory != directory)
    want = directory ? ENOTDIR : EISDIR;
  else if (directory && !is_empty(node))
    want = ENOTEMPTY;
  if (!want) {
    *slot(&place) = NOTHING;
    drop(node);
  }
  return got == want;
}

static bool do_rmdir(void) { return do_remove(true); }
static bool do_unlink(void) { return do_remove(false); }

static bool do_link(void) {
  struct place from = some_place(), to = some_place();
  int got = result_of(link(from.path, to.path)), node = NOTHING, want = from.error;
  if (!want && (node = *slot(&from)) == NOTHING)
    want = ENOENT;
  if (!want)
    want = to.error;
  if (!want && *slot(&to) != NOTHING)
    want = EEXIST;
  if (!want && nodes[node].is_directory)
    want = EPERM;
  if (!want) {
    *slot(&to) = node;
    nodes[node].links++;
  }
  return got == want;
}

static int rename_error(struct place *from, struct place *to, int flags) {
  if (from->error || to->error)
    return from->error ? from->error : to->error;
  int source = *slot(from), target = *slot(to);
  if (source == NOTHING || (flags == EXCHANGE && target == NOTHING))
    return ENOENT;
  if (flags == NOREPLACE && target != NOTHING)
    return EEXIST;
  if (nodes[source].is_directory && is_below(to->directory, source))
    return EINVAL;
  if (target != NOTHING && nodes[target].is_directory && is_below(from->directory, target))
    return flags == EXCHANGE ? EINVAL : ENOTEMPTY;
  if (source == target || target == NOTHING || flags == EXCHANGE)
    return 0;
  if (nodes[source].is_directory != nodes[target].is_directory)
    return nodes[source].is_directory ? ENOTDIR : EISDIR;
  return nodes[target].is_directory && !is_empty(target) ? ENOTEMPTY : 0;
}

/* A directory has come to another parent. */
static void moved(int node, int from, int to) {
  if (node == NOTHING || !nodes[node].is_directory)
    return;
  nodes[from].links--;
  nodes[to].links++;
  nodes[node].parent = to;
}

static bool do_rename(void) {
  struct place from = some_place(), to = some_place();
  int flags = below(3);
  long result = syscall(SYS_renameat2, AT_FDCWD, from.path, AT_FDCWD, to.path, flags);
  int got = result_of(result), want = rename_error(&from, &to, flags);
  if (got != want || want)
    return got == want;
  int source = *slot(&from), target = *slot(&to);
  if (source == target)
    return true;
  if (flags != EXCHANGE && target != NOTHING)
    drop(target);
  moved(source, from.directory, to.directory);
  if (flags == EXCHANGE)
    moved(target, to.directory, from.directory);
  *slot(&to) = source;
  *slot(&from) = flags == EXCHANGE ? target : NOTHING;
  return true;
}

static ino_t numbers[NODES];

/* Whether what is at `path` is `node`, and all that is in it. */
static bool same(const char *path, int node) {
  struct stat st;
  char below_it[160];
  if (node == NOTHING)
    return lstat(path, &st) == -1 && errno == ENOENT;
  if (lstat(path, &st) || S_ISDIR(st.st_mode) != nodes[node].is_directory)
    return false;
  /* Not every file system counts the links of directories. */
  if (!nodes[node].is_directory && (int)st.st_nlink != nodes[node].links)
    return false;
  if (on_virga && (int)st.st_nlink != nodes[node].links)
    return false;
  if (numbers[node] == 0)
    numbers[node] = st.st_ino;
  if (numbers[node] != st.st_ino)
    return false;
  if (!nodes[node].is_directory)
    return true;
  int listed = 0;
  DIR *directory = opendir(path);
  for (struct dirent *e; directory && (e = readdir(directory)) != NULL;) {
    if (e->d_name[0] == '.')
      continue;
    int child = nodes[node].child[e->d_name[0] - 'x'];
    if (child == NOTHING || e->d_type != (nodes[child].is_directory ? DT_DIR : DT_REG))
      return closedir(directory), false;
    listed++;
  }
  closedir(directory);
  for (int i = 0; i < NAMES; i++) {
    listed -= nodes[node].child[i] != NOTHING;
    snprintf(below_it, sizeof below_it, "%.120s/%c", path, 'x' + i);
    if (!same(below_it, nodes[node].child[i]))
      return false;
  }
  return listed == 0;
}

static void empty(int node, const char *path) {
  char name[160];
  for (int i = 0; i < NAMES; i++) {
    int child = nodes[node].child[i];
    if (child == NOTHING)
      continue;
    snprintf(name, sizeof name, "%.120s/%c", path, 'x' + i);
    if (nodes[child].is_directory) {
      empty(child, name);
      rmdir(name);
    } else {
      unlink(name);
    }
  }
}

/* Random calls on what is below `base`, which the model knows. */
static void run_model(void) {
  static const struct {
    const char *name;
    bool (*run)(void);
  } ways[] = {
      {"open with O_CREAT", do_create}, {"mkdir", do_mkdir}, {"rmdir", do_rmdir},
      {"unlink", do_unlink},            {"link", do_link},   {"renameat2", do_rename},
      {"renameat2, again", do_rename},
  };
  int wrong[COUNT(ways)] = {0}, differ = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int way = below(COUNT(ways));
    wrong[way] += !ways[way].run();
    memset(numbers, 0, sizeof numbers);
    if (round % 8 == 0)
      differ += !same(base, 0);
  }
  for (unsigned way = 0; way < COUNT(ways); way++)
    CHECK_EQ(ways[way].name, wrong[way], 0);
  CHECK_EQ("the tree is the model's", differ, 0);
  empty(0, base);
  CHECK_EQ("nothing is left", rmdir(base), 0);
}

static void test_tree(void) {
  snprintf(base, sizeof base, "%s", scratch("names"));
  REQUIRE("a directory", mkdir(base, 0700) == 0);
  nodes[0] = (struct node){true, true, 2, 0, {NOTHING, NOTHING, NOTHING}};
  run_model();
}

/* The same in a folder of the image, with names that are there before (system/root.ts). */
static void test_image(void) {
  if (!on_virga)
    return;
  enum { ROOT, X, X_Y, X_Z, Z };
  strcpy(base, "/names");
  memset(nodes, 0, sizeof nodes);
  nodes[ROOT] = (struct node){true, true, 3, 0, {X, NOTHING, Z}};
  nodes[X] = (struct node){true, true, 3, ROOT, {NOTHING, X_Y, X_Z}};
  nodes[X_Y] = (struct node){true, true, 2, X, {NOTHING, NOTHING, NOTHING}};
  nodes[X_Z] = (struct node){true, false, 1, X, {0}};
  nodes[Z] = (struct node){true, false, 1, ROOT, {0}};
  CHECK("the image's names are there", same(base, ROOT));
  run_model();
}

static const struct group groups[] = {{"tree", test_tree}, {"image", test_image}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
