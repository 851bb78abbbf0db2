;;; pen-rpc-process-test.el --- A service that dies, hangs, prints or will not start -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; See pen-rpc-peer.el.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-peer)

(ert-deftest pen-rpc-process-test-death-fails-a-waiting-call-at-once ()
  (pen-fixture-quickest
   0.1 (lambda ()
         (pen-rpc-test-with nil
           (pen-rpc-call-sync "test-ping" nil)
           (let ((killed nil) (took nil))
             (run-at-time 0.3 nil (lambda ()
                                    (setq killed (float-time))
                                    (pen-rpc-test-kill)))
             (should (eq (car (pen-rpc-test-kind
                               (lambda () (pen-rpc-call-sync "test-sleep" '(:seconds 5)))))
                         'pen-connection-lost-error))
             (setq took (- (float-time) killed))
             (should (eq (pen-rpc-state) 'lost))
             (should (zerop (hash-table-count pen-rpc--pending)))
             (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))
             took)))))

(ert-deftest pen-rpc-process-test-death-fails-asynchronous-calls-at-once ()
  (pen-fixture-quickest
   0.1 (lambda ()
         (pen-rpc-test-with nil
           (pen-rpc-call-sync "test-ping" nil)
           (let ((errors nil) (killed (float-time)) (took nil))
             (dotimes (_ 3)
               (pen-rpc-call "test-sleep" '(:seconds 5) #'ignore
                             (lambda (err) (push (car err) errors))))
             (pen-rpc-test-kill)
             (pen-rpc-test-until errors)
             (setq took (- (float-time) killed))
             (should (equal errors '(pen-connection-lost-error pen-connection-lost-error
                                                               pen-connection-lost-error)))
             took)))))

(ert-deftest pen-rpc-process-test-a-handler-that-ends-the-process ()
  (pen-rpc-test-with nil
    (should (eq (car (pen-rpc-test-kind (lambda () (pen-rpc-call-sync "test-die" nil))))
                'pen-connection-lost-error))
    (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))))

(ert-deftest pen-rpc-process-test-waiting-does-not-spin ()
  (pen-fixture-quickest
   0.2 (lambda ()
         (pen-rpc-test-with nil
           (pen-rpc-call-sync "test-ping" nil)
           (let ((before (pen-fixture-busy)))
             (run-at-time 0.8 nil #'pen-rpc-test-kill)
             (should-error (pen-rpc-call-sync "test-sleep" '(:seconds 5))
                           :type 'pen-connection-lost-error)
             (- (pen-fixture-busy) before))))))

(ert-deftest pen-rpc-process-test-death-ends-requests-with-their-text ()
  (pen-rpc-test-with nil
    (let* ((events nil)
           (id (pen-rpc-call-sync "test-polite" nil)))
      (pen-rpc-on-event id (lambda (kind plist) (push (cons kind plist) events)))
      (pen-rpc-test-until events)
      (pen-rpc-test-kill)
      (pen-rpc-test-until (cdr events))
      (should (eq (caar events) 'error))
      (should (equal (plist-get (cdar events) :kind) 'connection-lost))
      (should (equal (plist-get (cdar events) :partial) "so far"))
      (should (zerop (hash-table-count pen-rpc--followed))))))

(ert-deftest pen-rpc-process-test-a-start-that-fails-says-why ()
  (pen-rpc-test-with '("--fail")
    (let ((err (should-error (pen-rpc-call-sync "test-ping" nil) :type 'pen-start-error)))
      (should (string-match-p "status 3" (cadr err)))
      (should (string-match-p "the moon is full" (plist-get (nth 2 err) :hint)))
      (should (eq (pen-rpc-state) 'failed)))))

(ert-deftest pen-rpc-process-test-a-start-that-hangs-is-given-up ()
  (pen-rpc-test-with '("--mute")
    (let ((pen-rpc-start-deadline 0.5))
      (should-error (pen-rpc-call-sync "test-ping" nil) :type 'pen-start-error))))

(ert-deftest pen-rpc-process-test-a-program-that-is-not-there ()
  (pen-rpc-test-with nil
    (let ((pen-python-command "/nonexistent/python"))
      (should-error (pen-rpc-call-sync "test-ping" nil) :type 'pen-start-error))))

(ert-deftest pen-rpc-process-test-a-python-that-prints-by-itself-is-named ()
  (let ((wrapper (make-temp-file "pen-python" nil ".sh")))
    (unwind-protect
        (pen-rpc-test-with nil
          (write-region (format "#!/bin/sh\necho 'Activated größe.'\nexec %s \"$@\"\n"
                                (shell-quote-argument pen-python-command))
                        nil wrapper nil 'silent)
          (set-file-modes wrapper #o700)
          (let* ((pen-python-command wrapper)
                 (err (should-error (pen-rpc-call-sync "test-ping" nil) :type 'pen-start-error)))
            (should (string-search (concat wrapper " printed \"Activated größe.\"") (cadr err)))
            (should (string-search "pen-python-command" (plist-get (nth 2 err) :hint)))
            (should-not (string-search "M-x pen-doctor" (plist-get (nth 2 err) :hint))) ; it says no more
            (should (eq (pen-rpc-state) 'failed))))
      (delete-file wrapper))))

(ert-deftest pen-rpc-process-test-noise-does-not-touch-the-wire ()
  (pen-rpc-test-with '("--noise")
    (should (equal (pen-rpc-call-sync "test-noise" nil) "printed"))
    (should (equal (pen-rpc-call-sync "test-noise" '(:size 1000000)) "printed"))))

(ert-deftest pen-rpc-process-test-garbage-closes-and-the-next-call-restarts ()
  (pen-fixture-quickest
   0.1 (lambda ()
         (pen-rpc-test-with nil
           (pen-rpc-call-sync "test-ping" nil)
           (let ((err nil) (before (float-time)) (took nil))
             (pen-rpc-call "test-sleep" '(:seconds 5) #'ignore (lambda (e) (setq err e)))
             (pen-rpc--filter pen-rpc--process "zzzzzz(no frame)\n")
             (setq took (- (float-time) before))
             (should (eq (car err) 'pen-connection-lost-error))
             (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))
             took)))))

(ert-deftest pen-rpc-process-test-a-service-that-dies-within-a-message ()
  (pen-rpc-test-with nil
    (pen-rpc-call-sync "test-ping" nil)
    (let ((err nil))
      (pen-rpc-call "test-sleep" '(:seconds 5) #'ignore (lambda (e) (setq err e)))
      (pen-rpc--filter pen-rpc--process "000100(return 1 \"half")
      (should-not err)
      (pen-rpc-test-kill)
      (pen-rpc-test-until err)
      (should (eq (car err) 'pen-connection-lost-error))
      (should (equal (pen-rpc-call-sync "test-ping" nil) "pong")))))

(ert-deftest pen-rpc-process-test-a-message-that-cannot-be-read-is-logged-and-the-next-one-answered ()
  (pen-rpc-test-with nil
    (pen-rpc-call-sync "test-ping" nil)
    (pen-rpc--filter pen-rpc--process "00000a(return 1\n")
    (pen-rpc--filter pen-rpc--process "000006(odd)\n")
    (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))
    (with-current-buffer "*pen-log*"
      (should (string-match-p "A message cannot be read" (buffer-string))))))

(ert-deftest pen-rpc-process-test-stop-is-quick ()
  (pen-fixture-quickest
   0.1 (lambda ()
         (pen-rpc-test-with nil
           (pen-rpc-call-sync "test-ping" nil)
           (let ((process pen-rpc--process) (err nil) (before (float-time)) (took nil))
             (pen-rpc-call "test-sleep" '(:seconds 5) #'ignore (lambda (e) (setq err e)))
             (pen-rpc-stop)
             (setq took (- (float-time) before))
             (should (eq (car err) 'pen-connection-lost-error))
             (should (eq (pen-rpc-state) 'stopped))
             (pen-rpc-test-until (not (process-live-p process)))
             took)))))

(ert-deftest pen-rpc-process-test-a-service-that-does-not-end-is-killed-after-a-second ()
  (let ((deaf (make-temp-file "pen-deaf" nil ".sh" "#!/bin/sh\nexec sleep 60\n")))
    (set-file-modes deaf #o700)
    (unwind-protect
        (pen-rpc-test-with nil
          (let ((pen-python-command deaf) (process nil) (stopped nil))
            (pen-rpc-ensure)
            (setq process pen-rpc--process stopped (float-time))
            (pen-rpc-stop)
            (should (process-live-p process))
            (pen-rpc-test-until (not (process-live-p process)))
            (should (> (- (float-time) stopped) 0.9))
            (should-not (buffer-live-p (process-buffer process)))))
      (delete-file deaf))))

(provide 'pen-rpc-process-test)
;;; pen-rpc-process-test.el ends here
