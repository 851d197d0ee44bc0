#!/usr/bin/env bash
# Starts an Apache Kafka on the loopback interface that takes passwords (SCRAM) and tokens (OAUTHBEARER), runs a command
# that finds it by two variables, and ends it. Without a command it runs the tests that need such a broker:
#
#   cargo xtask services up && host/kafka/tests/with_sasl_broker.sh target/services/kafka/libs
set -euo pipefail
libs=$1
shift
folder=$(mktemp -d)
ports=($(python3 - <<'PYTHON'
import socket
sockets = [socket.socket() for _ in range(4)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*[each.getsockname()[1] for each in sockets])
PYTHON
))
listeners="PLAINTEXT://127.0.0.1:${ports[0]},SCRAM://127.0.0.1:${ports[1]},OAUTH://127.0.0.1:${ports[2]}"
modules=org.apache.kafka.common.security
cat > "$folder/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${ports[3]}
listeners=$listeners,CONTROLLER://127.0.0.1:${ports[3]}
advertised.listeners=$listeners,CONTROLLER://127.0.0.1:${ports[3]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SCRAM:SASL_PLAINTEXT,OAUTH:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=$modules.scram.ScramLoginModule required;
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=$modules.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$folder/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
END
java -cp "$libs/*" kafka.tools.StorageTool format --standalone -t c2lnbmFsYm94LXRlc3RzIQ -c "$folder/server.properties" \
    --add-scram 'SCRAM-SHA-512=[name=signalbox,password=s3cret]' > "$folder/format.log" 2>&1 || { cat "$folder/format.log"; exit 1; }
java -Xmx512m -XX:TieredStopAtLevel=1 -cp "$libs/*" kafka.Kafka "$folder/server.properties" > "$folder/log" 2>&1 &
broker=$!
trap 'kill -9 $broker; rm -rf "$folder"' EXIT
for _ in $(seq 120); do
    if (exec 3<> "/dev/tcp/127.0.0.1/${ports[2]}") 2> /dev/null; then break; fi
    kill -0 $broker || { tail -20 "$folder/log"; exit 1; }
    sleep 0.5
done
export SIGNALBOX_TEST_KAFKA_SCRAM=127.0.0.1:${ports[1]} SIGNALBOX_TEST_KAFKA_OAUTHBEARER=127.0.0.1:${ports[2]}
if [ $# -eq 0 ]; then
    set -- cargo test --package signalbox-kafka --features kafka-tls -- --ignored
fi
"$@"
