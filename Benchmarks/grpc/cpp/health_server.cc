// The version check of the interface on C++'s gRPC, with its callback API: what an empty handler
// costs there. Prints the port that it got, and serves until its input ends.

#include <cstdio>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "qdrant.grpc.pb.h"

class Service final : public qdrant::Qdrant::CallbackService {
  grpc::ServerUnaryReactor* HealthCheck(grpc::CallbackServerContext* context,
                                        const qdrant::HealthCheckRequest*,
                                        qdrant::HealthCheckReply* reply) override {
    reply->set_title("apus - vector database");
    reply->set_version("1.19.0");
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

int main() {
  Service service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::printf("%d\n", port);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server->Shutdown();
}
