// Everyday command lines that do real work on the data of prepare.sh. A line is words for the shell's rules of quoting, without
// a shell; `< FILE` at its end is standard input. Before `::` stand the options of sandbox-run that the line needs.

import { readFileSync } from 'node:fs';

const plain = `
true
false :: 
echo hello world
cat text.txt
cat -n text.txt numbers.txt
ls
ls -la /usr/share/common-licenses
ls -lR --time-style=+%s data
sort text.txt
sort -n numbers.txt
sort -u -k2 table.tsv
sort --parallel=4 -S 1M big.txt
uniq -c sorted.txt
cut -f2 table.tsv
cut -c1-20 text.txt
paste numbers.txt sorted.txt
join sorted.txt sorted.txt
comm sorted.txt sorted.txt
tr a-z A-Z < text.txt
wc text.txt big.txt
head -n 5 text.txt
tail -n 5 text.txt
tac numbers.txt
rev text.txt
nl text.txt
fold -w 40 text.txt
fmt text.txt
pr -t text.txt
expand text.txt
unexpand -a text.txt
split -l 100 text.txt out/part.
csplit -f out/piece. text.txt /GNU/
shuf -n 1 --random-source=big.txt numbers.txt
seq 1 100
factor 1234567890
expr 6 * 7
printf %s\\n a b c
basename /usr/lib/libx.so .so
dirname /usr/lib/libx.so
readlink -f data
realpath data/../text.txt
stat -c %s:%F text.txt
du -a data
df --output=target /
cp text.txt out/copy.txt
cp -a data out/tree
mv out/copy.txt out/moved.txt
rm -rf out/tree
mkdir -p out/a/b/c
rmdir out/a/b/c
touch -d 2020-01-01 out/t
ln -s text.txt out/link
chmod 640 out/t
chown root out/t
chgrp root out/t
install -m 600 text.txt out/installed
mktemp -p out -u XXXXXXXX --suffix=.x -q --dry-run --tmpdir=out nothing
truncate -s 1000 out/t
dd if=big.txt of=out/dd bs=4k count=10 status=none
md5sum text.txt
sha1sum text.txt
sha256sum text.txt big.txt
sha512sum text.txt
b2sum text.txt
cksum text.txt
base64 text.txt
base32 text.txt
od -c numbers.txt
hexdump -C numbers.txt
xxd numbers.txt
date -u -d @0
date -d @86400 +%A
id
id -un
whoami
groups root
uname -s
hostname
nproc --all
pwd
tty
printenv HOME
sleep 0.05
test -f text.txt
[ -d data ]
who
users
getconf PAGESIZE
locale charmap
getent passwd root
getent hosts localhost
getent services http
getent group root
iconv -f UTF-8 -t UTF-16 text.txt
iconv -f LATIN1 -t UTF-8 text.txt
sed -n s/GNU/gnu/p text.txt
sed -e 1,10d -e s/the/THE/g text.txt
sed -i.bak s/a/b/ out/edit.txt
awk {print$1} table.tsv
awk {s+=$1}END{print(s)} numbers.txt
mawk BEGIN{for(i=0;i<10;i++)print(i*i)}
gawk BEGIN{print(strftime("%Y",0))}
grep GNU text.txt
grep -rn License data
grep -P (?i)gnu\\s+\\w+ text.txt
grep -c -v e text.txt
egrep foo|GNU text.txt
find data -type f
find data -name *.txt -size +1k
diff text.txt other.txt
diff -ru data data2
cmp text.txt text.txt
patch -o out/patched text.txt change.diff
file text.txt archive.tar.gz
tar cf out/a.tar data
tar tf archive.tar
tar xf archive.tar -C out
gzip -kc text.txt
gzip -dc archive.tar.gz
gunzip -c text.gz
bzip2 -kc text.txt
bzip2 -dkc text.txt.bz2
bzip2 -9k text.txt
bunzip2 -c text.bz2
xz -kc text.txt
xz -T2 -kc big.txt
xz -dc text.xz
zstd -qc text.txt
zstd -T2 -qc big.txt
zstd -dqc text.zst
bc -q < sum.bc
dc -e 2 3+p
jq .items[].name data.json
jq -c map_values(.) data.json
sqlite3 data.db select(count(*))from(t)
sqlite3 data.db select*from(t)order/**/by/**/n/**/desc/**/limit/**/5
sqlite3 out/new.db create/**/table/**/x(a);insert/**/into/**/x/**/values(1);select*from/**/x
openssl version
openssl dgst -sha256 text.txt
openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -S 0011223344556677 -in text.txt -a
openssl genpkey -algorithm ed25519 -out out/key.pem
openssl req -x509 -key ec.pem -subj /CN=x -days 1 -out out/cert.pem
curl -s file://$PWD/text.txt
curl --version
wget --version
busybox ls data
busybox sh -c echo\\ hi
busybox awk {print$1} table.tsv
busybox tar tf archive.tar
strip -o out/stripped prog
objdump -d prog
objdump -h /bin/true
readelf -aW prog
nm prog
size prog
strings -n 8 prog
ldconfig -p
rg GNU text.txt
rg -j4 -n license data --sort path
fdfind -t f . data --threads 1
fzf --filter gnu < text.txt
fzf --filter ^gnu\\ !copy --tiebreak=index -i < text.txt
fdfind -e txt --threads 1 -x wc -l
fdfind --type d --hidden --max-depth 2 --threads 2
rg -c --sort path -i free
rg --files --sort path
age --version
age-keygen -o out/age.key
age-keygen -y age.key
age --decrypt -i age.key text.age
age --encrypt -i age.key -o out/text.age text.txt
gron data.json
python3.11 -c print(sum(range(10)))
python3.11 -c import\\ json,hashlib,sqlite3,ssl,zlib,threading;print(hashlib.sha256(b"x").hexdigest())
python3.11 work.py
perl -e print(join(",",map{$_*2}1..5),"\\n")
perl -ne print/**/if/GNU/ text.txt
perl -MPOSIX -MSocket -MList::Util=sum -e print(sum(1..10))
node -e console.log(1+1)
node work.js
bash -c for\\ i\\ in\\ 1\\ 2\\ 3;do\\ echo\\ $i;done
bash script.sh
dash script.sh
sh -c cat\\ text.txt|sort|uniq\\ -c|sort\\ -rn|head\\ -3
env A=b printenv A
timeout 5 cat numbers.txt
nice -n 1 cat numbers.txt
nohup cat numbers.txt
xargs -n 2 echo < numbers.txt
xargs -P 2 -n 50 echo < numbers.txt
stdbuf -oL cat numbers.txt
setsid -w cat numbers.txt
flock out/lock cat numbers.txt
time -f x cat numbers.txt
find data -name *.txt -exec wc -l {} +
find data -name *.txt -exec head -1 {} ;
tar czf out/a.tgz data
tar xzf archive.tar.gz -C out
tar cJf out/a.txz data
tar --zstd -cf out/a.tzst data
sort --compress-program=gzip -S 100K big.txt
git -C repo status --short
git -C repo log --oneline
git -C repo diff HEAD~1
git -C repo grep first
git -C repo show HEAD:a.txt
git clone -q repo out/clone
git init -q out/fresh
git -C repo2 commit -qam change
awk BEGIN{system("cat/**/numbers.txt|head/**/-2")}
awk BEGIN{"date/**/-u/**/-d/**/@0"|getline\\ x;print(x)}
make -s -f Makefile.simple
ps -p 1 -o pid=
ps --version
ss -ltnH sport = :1
ip -br link show lo
ip route show table 99
free --version
uptime -V
top -v
lsblk --version
mount --version
dpkg -l bash
dpkg-query -W bash
apt-cache policy bash
man --version
less -V
vim --version
file -b prog
ssh -V
ssh-keygen -q -t ed25519 -N  -f out/id
gpg --version
tput -T xterm cols
infocmp -1 xterm
lscpu --version
column -t table.tsv
look GNU sorted.txt
hexdump -n 16 -e 16/1"%02x" big.txt
script --version
rmdir --ignore-fail-on-non-empty data
link text.txt out/hard
unlink out/edit.txt
mkfifo out/fifo
sync out/t
numfmt --to=iec 123456
ptx text.txt
tsort pairs.txt
logname
pathchk text.txt
nl -ba numbers.txt
tee out/tee.txt < text.txt
yes --version
pinky --version
dircolors -b
arch
hostid
runcon --version
chcon --version
stty --version
kill -l
prlimit --pid 1 --nofile -o RESOURCE --noheadings
taskset -p 1
ionice -p 1
chrt -m
ipcs -q
getopt -o a -- -a x
cal 1 2020
uuidgen --version
mcookie --version
namei text.txt
findmnt -n -o TARGET /
`;

const withFlags = `
--also as --also /usr/lib/gcc/x86_64-linux-gnu/12/cc1 :: gcc -c prog.c -o out/prog.o
--also as --also ld --also /usr/lib/gcc/x86_64-linux-gnu/12/cc1 --also /usr/lib/gcc/x86_64-linux-gnu/12/collect2 --also /usr/lib/gcc/x86_64-linux-gnu/12/lto-wrapper :: gcc prog.c -o out/prog
--also @shell-utils :: make -s -f Makefile.work
--also @shell-utils :: bash -c ls|wc\\ -l;sed\\ -n\\ 1p\\ text.txt|tr\\ a-z\\ A-Z
--also cat --also sort :: python3.11 -c import\\ subprocess;print(subprocess.run(["sort","numbers.txt"],capture_output=True).stdout[:10])
--also cat :: perl -e print\`cat\\ numbers.txt\`
--also sort :: node -e console.log(require("child_process").execFileSync("sort",["numbers.txt"]).length)
`;

/** Kinds that the lists above lack: editors, interpreters, archives, networks, documents, images, compilers, administration. */
const further = readFileSync(new URL('further.txt', import.meta.url), 'utf8');

const read = (text) =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [before, after] = line.split(' :: ');
      const flags = after === undefined ? [] : before.split(' ').filter((word) => word !== '');
      const [command, input] = (after ?? before).split(/ < /);
      // `\ ` is a blank within a word, `/**/` one where a word must look like one.
      const words = command
        .trim()
        .split(/(?<!\\) /)
        .map((word) => word.replace(/\\ /g, ' ').replace(/\\\\/g, '\\').replaceAll('$PWD', '@PWD@'));
      return {
        flags,
        words: words.map((word) =>
          /^(awk|perl|sqlite3)$/.test(words[0]) ? word.replaceAll('/**/', ' ') : word,
        ),
        input,
      };
    });

export const lines = [plain, withFlags, further].flatMap(read).filter((line) => line.words[0] !== '');
