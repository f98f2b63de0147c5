# One of a crowd, run under hakmem by host_test.py: `crowd.pl busy` works on its heap for ever, `crowd.pl idle` sleeps,
# and works for a moment when it is sent SIGUSR1.
use strict;
use warnings;

my $idle = $ARGV[0] eq 'idle';
my $turns = 0;
$SIG{USR1} = sub { $turns = 20 };
my (@blocks, $turn);
while (1) {
    if ($idle && $turns-- <= 0) {
        sleep 3600;
        next;
    }
    for (1 .. 2000) {
        $blocks[int rand 4096] = 'x' x (16 + int rand 2000);
    }
    # Frees of many and small steps of many: the slow path is reached in each turn.
    @blocks = () if ++$turn % 16 == 0;
    select undef, undef, undef, 0.05;
}
