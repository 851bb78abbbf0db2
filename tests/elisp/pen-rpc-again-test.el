;;; pen-rpc-again-test.el --- Starting again, and who is told -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; See pen-rpc-peer.el.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-peer)

(defun pen-rpc-again-test-watch (events)
  "Follow the peer's job; EVENTS is a function that takes them.  Return the id."
  (let ((id (pen-rpc-call-sync "jobs-watch" '(:id "ftjob-1"))))
    (pen-rpc-on-event id events)
    id))

(ert-deftest pen-rpc-again-test-a-subscription-goes-on-after-the-last-event-seen ()
  (pen-rpc-test-with nil
    (let ((seen nil) (end nil) (killed nil))
      (pen-rpc-again-test-watch
       (lambda (kind plist)
         (if (eq kind 'log)
             (push (string-to-number (plist-get plist :text)) seen)
           (setq end (cons kind plist)))
         (when (and (eql 10 (car seen)) (not killed))
           (setq killed (pen-rpc-pid))
           (pen-rpc-test-kill))))
      (pen-rpc-test-until end)
      (pen-rpc-test-until (not (equal killed (pen-rpc-pid)))) ; nil if it had told all before
      (should (eq (car end) 'done))
      (should (equal (plist-get (cdr end) :value) "ftjob-1"))
      (should (equal (reverse seen) (number-sequence 0 59)))
      (should (zerop (hash-table-count pen-rpc--followed)))
      (should (zerop (hash-table-count pen-rpc--moved))))))

(ert-deftest pen-rpc-again-test-a-restart-keeps-subscriptions ()
  (pen-rpc-test-with nil
    (let ((seen nil) (end nil) (restarted nil))
      (pen-rpc-again-test-watch
       (lambda (kind plist)
         (if (eq kind 'log)
             (push (string-to-number (plist-get plist :text)) seen)
           (setq end kind))))
      (pen-rpc-test-until (> (length seen) 5))
      (setq restarted (pen-rpc-pid))
      (pen-rpc-restart)
      (pen-rpc-test-until end)
      (should-not (equal restarted (pen-rpc-pid)))
      (should (eq end 'done))
      (should (equal (reverse seen) (number-sequence 0 59))))))

;; A job that goes on for minutes has not ended by itself, however slow this machine is.

(ert-deftest pen-rpc-again-test-the-old-id-still-cancels ()
  (pen-rpc-test-with '("--long")
    (let* ((seen 0) (end nil)
           (id (pen-rpc-again-test-watch
                (lambda (kind plist)
                  (if (eq kind 'log)
                      (setq seen (1+ seen))
                    (setq end (plist-get plist :reason))))))
           (killed (pen-rpc-pid)))
      (pen-rpc-test-until (> seen 2))
      (pen-rpc-test-kill)
      (pen-rpc-test-until (not (memql (pen-rpc-pid) (list nil killed))))
      (let ((before seen))
        (pen-rpc-test-until (> seen (+ 2 before))))
      (pen-rpc-cancel id)
      (pen-rpc-test-until end)
      (should (eq end 'cancelled)))))

(ert-deftest pen-rpc-again-test-cancelled-while-there-is-no-service ()
  (pen-rpc-test-with '("--long")
    (let* ((seen 0)
           (id (pen-rpc-again-test-watch (lambda (&rest _) (setq seen (1+ seen))))))
      (pen-rpc-test-until (> seen 2))
      (let ((pen-rpc-restart-delays '(600)))
        (pen-rpc-test-kill)
        (pen-rpc-test-until (eq (pen-rpc-state) 'lost))
        (pen-rpc-cancel id))
      (let ((before seen))
        (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))
        (pen-rpc-test-until (zerop (hash-table-count pen-rpc--followed)))
        (should (= seen before))))))

(ert-deftest pen-rpc-again-test-cancelled-before-anybody-noticed-the-death ()
  (pen-rpc-test-with '("--long")
    (let* ((seen 0)
           (id (pen-rpc-again-test-watch (lambda (&rest _) (setq seen (1+ seen))))))
      (pen-rpc-test-until (> seen 2))
      (pen-rpc-test-kill)
      (while (process-live-p pen-rpc--process)) ; nothing is read, and no sentinel runs
      (should (eq (pen-rpc-state) 'ready))
      (pen-rpc-cancel id)
      (let ((before seen))
        (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))
        (pen-rpc-test-until (zerop (hash-table-count pen-rpc--followed)) 10)
        (should (= seen before))))))

(ert-deftest pen-rpc-again-test-no-other-request-is-made-again ()
  (pen-rpc-test-with nil
    (let* ((kinds nil)
           (id (pen-rpc-call-sync "test-polite" nil)))
      (pen-rpc-on-event id (lambda (kind _) (push kind kinds)))
      (pen-rpc-test-until kinds)
      (pen-rpc-test-kill)
      (pen-rpc-test-until (cdr kinds))
      (should (equal kinds '(error delta)))
      (should (eq (pen-rpc-state) 'lost)))))

(ert-deftest pen-rpc-again-test-stopping-tells-subscribers ()
  (pen-rpc-test-with '("--long")
    (let ((end nil))
      (pen-rpc-again-test-watch
       (lambda (kind plist) (when (eq kind 'error) (setq end (plist-get plist :kind)))))
      (pen-rpc-stop)
      (should (eq end 'connection-lost)))))

;;;; Back-off

(ert-deftest pen-rpc-again-test-three-starts-in-a-minute-then-none-until-asked ()
  (pen-rpc-test-with '("--crash")
    (let ((pen-rpc-restart-delays '(0.01 0.02 0.03))
          (starts 0) (end nil) (errors nil))
      (let ((pen-rpc-state-functions
             (list (lambda (state) (when (eq state 'starting) (setq starts (1+ starts)))))))
        (pen-rpc-again-test-watch
         (lambda (kind plist) (when (eq kind 'error) (setq end plist))))
        (pen-rpc-test-until end)
        (should (= starts 4))           ; the first, and three again
        (should (eq (pen-rpc-state) 'failed))
        (should (eq (plist-get end :kind) 'start))
        (should (string-match-p "M-x pen-doctor" (plist-get end :hint)))
        (dotimes (_ 2)
          (push (pen-rpc-test-kind (lambda () (pen-rpc-call-sync "test-ping" nil))) errors))
        (should (equal (mapcar #'car errors) '(pen-start-error pen-start-error)))
        (should (= starts 4))
        (let ((pen-rpc-arguments (remove "--crash" pen-rpc-arguments)))
          (pen-rpc-restart)
          (should (equal (pen-rpc-call-sync "test-ping" nil) "pong")))))))

(ert-deftest pen-rpc-again-test-a-call-waits-for-the-delay ()
  (pen-rpc-test-with nil
    (pen-rpc-call-sync "test-ping" nil)
    (let* ((pen-rpc-restart-delays '(0.3))
           (ensured nil)
           (pen-rpc-state-functions ; asked at once, so within the delay
            (list (lambda (state) (when (eq state 'lost) (setq ensured (pen-rpc-ensure))))))
           (before (float-time)))
      (pen-rpc-test-kill)
      (pen-rpc-test-until ensured)
      (should (eq ensured 'lost))
      (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))
      (should (> (- (float-time) before) 0.3)))))

(ert-deftest pen-rpc-again-test-delays-grow-and-are-forgotten ()
  (let ((pen-rpc--restarts nil) (pen-rpc--died nil) (waits nil)) ; the delays are those of the link
    (should (zerop (pen-rpc--start-wait)))
    (dotimes (_ 3)
      (pen-rpc--note-death)
      (push (round (* 2 (pen-rpc--start-wait))) waits)
      (pen-rpc--note-start))
    (should (equal (reverse waits) '(1 4 16)))
    (pen-rpc--note-death)
    (should-not (pen-rpc--start-wait))
    (setq pen-rpc--restarts (mapcar (lambda (start) (- start 55)) pen-rpc--restarts))
    (should-not (pen-rpc--start-wait))
    (setq pen-rpc--restarts (mapcar (lambda (start) (- start 6)) pen-rpc--restarts))
    (should (= 1 (round (* 2 (pen-rpc--start-wait)))))
    (setq pen-rpc--died (- (float-time) 5)) ; long enough ago
    (should (zerop (pen-rpc--start-wait)))))

;;;; Greeting

(ert-deftest pen-rpc-again-test-another-protocol-is-refused-with-the-fix ()
  (pen-rpc-test-with '("--other")
    (let* ((err (should-error (pen-rpc-call-sync "test-ping" nil) :type 'pen-version-error))
           (plist (nth 2 err)))
      (should (string-match-p "protocol 1.*protocol 2" (plist-get plist :message)))
      (should (string-match-p "M-x pen-install-backend" (plist-get plist :hint)))
      (should (eq (pen-rpc-state) 'failed)))))

(ert-deftest pen-rpc-again-test-a-service-that-answers-in-another-protocol-is-refused-too ()
  (pen-rpc-test-with '("--mute")
    (let ((err nil))
      (pen-rpc-call "test-ping" nil #'ignore (lambda (it) (setq err it)))
      (pen-rpc--greeted pen-rpc--process '(:protocol 2 :server "0.9.0"))
      (should (eq (car err) 'pen-version-error))
      (should (string-match-p "protocol 1.*0\\.9\\.0 (protocol 2)" (cadr err)))
      (should (string-match-p "M-x pen-install-backend" (plist-get (nth 2 err) :hint)))
      (should (eq (pen-rpc-state) 'failed)))))

(ert-deftest pen-rpc-again-test-other-methods-are-told-once ()
  (defvar pen-rpc-methods-hash)
  (let ((pen-rpc-methods-hash "another") (pen-rpc--warned nil) (said 0))
    (cl-letf (((symbol-function 'message)
               (lambda (text &rest _)
                 (when (string-match-p "%s" text) (setq said (1+ said))))))
      (dotimes (_ 2)
        (pen-rpc-test-with nil
          (should (equal (pen-rpc-call-sync "test-ping" nil) "pong")))))
    (should (= said 1))))

;;;; Starts that fail

(ert-deftest pen-rpc-again-test-a-start-may-take-fifteen-seconds-and-a-call-ten ()
  (should (equal '(15 10) (list (default-value 'pen-rpc-start-deadline) (default-value 'pen-rpc-deadline)))))

(ert-deftest pen-rpc-again-test-causes-of-a-failed-start-are-known ()
  (dolist (case '(("Unknown option: -P\nusage: python" . "older than Python 3.11")
                  ("/usr/bin/python3: No module named pen_backend" . "package pen-backend")
                  ("ModuleNotFoundError: No module named 'epc'" . "package epc")))
    (let ((cause (pen-rpc-start-cause "/usr/bin/python3" (car case))))
      (should (string-match-p (cdr case) (car cause)))
      (should (string-match-p "M-x pen-install-backend" (cdr cause)))))
  (should-not (pen-rpc-start-cause "python3" "the moon is full")))

(ert-deftest pen-rpc-again-test-an-old-python-is-named ()
  (let* ((old (make-temp-file "pen-old-python" nil nil
                              "#!/bin/sh\necho \"Unknown option: $1\" >&2\nexit 2\n"))
         (pen-rpc-state-functions nil))
    (set-file-modes old #o700)
    (unwind-protect
        (pen-rpc-test-with nil
          (let* ((pen-python-command old)
                 (err (should-error (pen-rpc-call-sync "test-ping" nil) :type 'pen-start-error)))
            (should (string-match-p "is older than Python 3.11" (cadr err)))
            (should (string-match-p "pen-install-backend" (plist-get (nth 2 err) :hint)))))
      (delete-file old))))

(provide 'pen-rpc-again-test)
;;; pen-rpc-again-test.el ends here
