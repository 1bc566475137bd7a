/* Every spelling of what docker and kubectl can be told; which programs have models. */
#include "test/unit/facts_rows.h"

static const struct row docker_rows[] = {
	{ "docker.run docker.privileged docker.image=i",
	  { "docker run --privileged i",
	    "docker run --privileged=true i sh",
	    "docker run -it --rm --privileged i",
	    "docker container run --privileged i",
	    "docker -H x run --privileged i",
	    "docker create --privileged i",
	    "docker run --cap-add=SYS_ADMIN i",
	    "docker run --cap-add ALL i",
	    "docker run --device /dev/sda i",
	    "docker run --security-opt seccomp=unconfined i",
	    "docker run --net host i",
	    "docker run --network=host i",
	    "docker run --pid host i",
	    "docker run --pid=host i",
	    "docker run --ipc=host i",
	    "docker run --userns=host i",
	    "docker run --pid=container:x i",
	    "podman run --privileged i",
	    "nerdctl run --privileged i",
	    "docker run -e A=b -v x:/y --privileged i",
	    "docker --context x run --gpus all i",
	    "docker run --uts=host i",
	    "docker run --use-api-socket i" } },
	{ "docker.run !docker.privileged !docker.unknown",
	  { "docker run i", "docker run -it --rm i sh", "docker run i --privileged",
	    "docker run -e --privileged i", "docker run --privileged=false i",
	    "docker run --name --privileged i", "docker run --network bridge i", "docker run -p 80:80 -d i",
	    "docker run --rm -v a:/b i", "docker run --cap-drop ALL i", "docker start x",
	    "docker compose up -d", "docker compose -f x up", "docker-compose -f x up",
	    "docker run --read-only i", "docker run -m 1g --cpus=2 i" } },
	{ "docker.mount=/etc",
	  { "docker run -v /etc:/x i", "docker run -v/etc:/x i", "docker run --volume /etc:/x:ro i",
	    "docker run -itv /etc:/x i", "docker run --volume=/etc:/x i",
	    "docker run --mount type=bind,source=/etc,target=/x i",
	    "docker run --mount type=bind,src=/etc,dst=/x i", "docker run -v=/etc:/x i",
	    "docker create -v /etc:/x i", "docker run --mount=type=bind,readonly,src=/etc,dst=/x i",
	    "docker run -v a:/b -v /etc:/x i" } },
	{ "!docker.mount",
	  { "docker run -v vol:/x i", "docker run i -v /etc:/x", "docker run -e -v i",
	    "docker run -v /x i" } },
	{ "docker.exec",
	  { "docker exec -it c sh", "docker container exec c sh", "docker attach c",
	    "docker compose exec s sh" } },
	{ "docker.exec docker.privileged",
	  { "docker exec --privileged c sh", "docker exec -it --privileged c sh" } },
	{ "docker.build",
	  { "docker build .", "docker buildx build .", "docker image build .", "docker build -t x -f y ." } },
	{ "docker.push", { "docker push i", "docker image push i", "docker login -u x" } },
	{ "docker.pull docker.image=i",
	  { "docker pull i", "docker image pull -q i", "docker pull --quiet i", "docker pull --platform x i",
	    "docker pull --frob x i" } },
	{ "docker.pull docker.image=i !docker.image=x", { "docker pull --platform x i" } },
	{ "docker.build docker.privileged",
	  { "docker build --pull --allow security.insecure .", "docker build --allow=x --pull ." } },
	{ "docker.run docker.image=i !docker.privileged", { "docker run --pull always i --privileged" } },
	{ "docker.remove",
	  { "docker rm -f x", "docker rmi x", "docker system prune -af", "docker volume rm x",
	    "docker container prune", "docker kill x", "docker compose down -v", "docker stop x" } },
	{ "docker.remote",
	  { "docker -H tcp://x ps", "docker -Htcp://x ps", "docker --host=x ps", "docker -c ctx ps",
	    "docker --context=x ps", "podman --url x ps", "podman -r ps" } },
	{ "!docker.run !docker.exec !docker.remove !docker.unknown",
	  { "docker ps", "docker images", "docker version", "docker logs run", "docker inspect exec",
	    "docker container ls", "docker", "docker --help", "docker -D info", "docker network ls",
	    "docker compose ps" } },
	{ "docker.unknown docker.run?", { "docker frob", "docker --frob run i" } },
	{ "docker.run docker.unknown docker.privileged?",
	  { "docker run --frob i", "docker run --privilege i" } },
};

T_CASE(docker)
{
	CHECK(docker_rows);
}

static const struct row kubectl_rows[] = {
	{ "kubectl.delete kubectl.resource=pod !kubectl.unknown",
	  { "kubectl delete pod x", "kubectl -n ns delete pod x", "kubectl --namespace=ns delete pod x",
	    "kubectl delete -n ns pod x", "kubectl delete pod x --now", "kubectl -v 5 delete pod x",
	    "kubectl -v=5 delete pod", "kubectl --context get delete pod x",
	    "kubectl --kubeconfig=f delete pod x", "oc delete pod x", "kubectl delete --wait=false pod x",
	    "kubectl delete --grace-period 0 --force pod x", "kubectl delete -l a=b pod",
	    "kubectl -nget delete pod x", "kubectl --request-timeout 5s delete pod x",
	    "kubectl delete -- pod" } },
	{ "kubectl.delete",
	  { "kubectl drain x", "kubectl delete -f x.yaml", "kubectl apply --prune -f x",
	    "kubectl replace --force -f x" } },
	{ "kubectl.read !kubectl.delete !kubectl.change !kubectl.unknown",
	  { "kubectl get pods", "kubectl -n delete get pods", "kubectl get pods delete",
	    "kubectl describe pod x", "kubectl logs -f x", "kubectl logs x -c delete", "kubectl top nodes",
	    "kubectl version --client", "kubectl get -o wide pods", "kubectl get -A pods",
	    "kubectl explain pods", "kubectl api-resources", "kubectl --context delete get pods",
	    "kubectl diff -f x", "kubectl get pods -w", "kubectl get pods -owide" } },
	{ "kubectl.change",
	  { "kubectl apply -f x", "kubectl create ns x", "kubectl edit x", "kubectl patch pod x -p y",
	    "kubectl scale --replicas=0 x", "kubectl rollout restart x", "kubectl label pod x a=b",
	    "kubectl set image x y", "kubectl -n n apply -k d", "kubectl config use-context x",
	    "kubectl cordon n" } },
	{ "kubectl.exec",
	  { "kubectl exec p -- sh", "kubectl exec -it p -c c -- sh", "kubectl cp p:/x y",
	    "kubectl port-forward p 1:2", "kubectl run x --image=i", "kubectl debug x", "kubectl proxy",
	    "oc rsh p", "kubectl attach -it p" } },
	{ "!kubectl.delete",
	  { "kubectl exec p -- kubectl delete x", "kubectl exec -- delete",
	    "kubectl run delete --image=i" } },
	{ "kubectl.secrets",
	  { "kubectl get secret", "kubectl get secrets x", "kubectl get pods,secrets", "kubectl get secret/x",
	    "kubectl describe secrets.v1. x", "kubectl get all", "kubectl get --raw /api/v1/secrets" } },
	{ "!kubectl.secrets", { "kubectl get pods", "kubectl get secretstores", "kubectl logs x" } },
	{ "kubectl.all",
	  { "kubectl delete pod --all", "kubectl get pods -A", "kubectl delete --all-namespaces pod" } },
	{ "!kubectl.all", { "kubectl delete pod --all=false", "kubectl get pods" } },
	{ "kubectl.force",
	  { "kubectl delete pod x --force", "kubectl delete pod x --now",
	    "kubectl delete pod x --grace-period=0" } },
	{ "kubectl.dry_run",
	  { "kubectl apply --dry-run=client -f x", "kubectl delete pod x --dry-run=server",
	    "kubectl create x --dry-run" } },
	{ "!kubectl.dry_run", { "kubectl apply -f x", "kubectl apply --dry-run=none -f x" } },
	{ "kubectl.other",
	  { "kubectl --context x get pods", "kubectl get pods -s http://x", "kubectl --as=root get x",
	    "kubectl --token t get x" } },
	{ "kubectl.namespace=n",
	  { "kubectl -n n get x", "kubectl -nn get x", "kubectl -n=n get x",
	    "kubectl get x --namespace n" } },
	{ "kubectl.unknown kubectl.delete?", { "kubectl frob x", "kubectl --frob delete x" } },
};

T_CASE(kubectl)
{
	CHECK(kubectl_rows);
}

T_CASE(programs)
{
	static const char *const known[] = { "rm",    "pip3.11", "python3",  "python3.11",
		                             "pip-3", "npx",     "git-push", "docker-compose" };
	static const char *const unknown[] = { "",     "r", "rmm", "ls", "pip-audit", "python3-config",
		                               "gitk", "3", ".",   "-" };
	struct facts f = { .value = NULL };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		ok(facts_read(known[i], strlen(known[i]), NULL, 0, &f), "%s without arguments", known[i]);
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		ok(!facts_read(unknown[i], strlen(unknown[i]), NULL, 0, &f), "'%s' has no model", unknown[i]);
	ok(facts_gives("rm", 2, FACT_RM_RECURSIVE) && !facts_gives("rm", 2, FACT_DD_OF), "families");
	ok(facts_gives("pip3", 4, FACT_NET_URL_HOST) && !facts_gives("ls", 2, FACT_NONE),
	   "of addresses, too");
	for (int i = 1; i < FACT_COUNT; i++) {
		const char *name = facts_name((enum fact)i);

		is_int(facts_find(name, strlen(name)), i, "%s", name);
	}
	is_int(facts_find("rm.recursiv", 11), FACT_NONE);
	is_int(facts_find("rm.recursive", 4), FACT_NONE);
}

/* An option that takes a value has none where it is taken back, or where the line ends. */
T_CASE(without_value)
{
	static const char *const programs[] = { "rm",   "chmod",  "chown",   "dd",  "find", "tar",  "rsync",
		                                "curl", "wget",   "git",     "npm", "npx",  "pip",  "uvx",
		                                "go",   "docker", "kubectl", "apt", "yarn", "bunx", "cargo" };
	static const char *const options[] = {
		"url",          "input-file",
		"package",      "output",
		"config",       "data",
		"form",         "requirement",
		"editable",     "with",
		"from",         "find-links",
		"index-url",    "registry",
		"file",         "directory",
		"rsh",          "rsync-path",
		"files-from",   "repo",
		"receive-pack", "upload-file",
		"execute",      "call",
		"spec",         "mount",
		"volume",       "grace-period",
		"exec-path",    "reference",
		"filename",     "git-dir",
		"namespace",    "checkpoint-action",
	};

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
			char line[128];
			struct seen s;

			for (int no = 0; no < 2; no++) {
				snprintf(line, sizeof line, "%s --%s%s", programs[i], no ? "no-" : "",
				         options[k]);
				ok(read_line(line, &s), "%s", line);
			}
			snprintf(line, sizeof line, "%s push --no-%s x", programs[i], options[k]);
			ok(read_line(line, &s), "%s", line);
		}
}
