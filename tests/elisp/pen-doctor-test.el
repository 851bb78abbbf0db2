;;; pen-doctor-test.el --- What is looked at, with and without a service -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'cl-lib)
(require 'pen-rpc-peer)
(require 'pen-rpc-fake)
(require 'pen)
(require 'pen-doctor)

(defmacro pen-doctor-test-with (python &rest body)
  "Run BODY in the doctor's buffer once PYTHON has been looked at."
  (declare (indent 1) (debug t))
  `(let ((pen-python-command ,python))
     (save-window-excursion
       (with-current-buffer (pen-doctor)
         (unwind-protect
             (progn
               (pen-rpc-test-until (null pen-doctor--looking) 30)
               ,@body)
           (kill-buffer))))))

(defun pen-doctor-test-row (name)
  "Return (STATUS SAID FIX) of the row NAME of this buffer."
  (let ((row (cl-find name pen-doctor--rows :test #'equal
                      :key (lambda (row) (plist-get row :name)))))
    (list (plist-get row :status) (plist-get row :said) (plist-get row :fix))))

(defun pen-doctor-test-script (text)
  "Return the name of a new program that does TEXT."
  (let ((file (make-temp-file "pen-python" nil nil (concat "#!/bin/sh\n" text))))
    (set-file-modes file #o700)
    file))

(defconst pen-doctor-test-python (or (getenv "PEN_PYTHON") "python3"))

(ert-deftest pen-doctor-test-rows-of-emacs-and-of-the-service ()
  (pen-rpc-fake-with (list (list "doctor-check" 'value
                                 '((:name "Python" :status ok :said "3.99, /new" :fix nil)
                                   (:name "disk" :status warn :said "1 GB" :fix "Free some"))))
    (let ((pen-rpc--hello (list :methods-hash pen-rpc-methods-hash :server "0.1.0" :protocol 1)))
      (pen-doctor-test-with pen-doctor-test-python
        (should (equal (mapcar (lambda (row) (plist-get row :name)) (pen-doctor--sorted))
                       '("Emacs" "transient" "Python" "venv" "packages" "service" "disk")))
        (should (eq 'ok (car (pen-doctor-test-row "service"))))
        (let ((text (buffer-string)))
          (should (string-match-p "^warn  disk         1 GB\n *→ Free some$" text))
          (should (string-prefix-p "What pen needs, and how it is\n1 to look at.\n" text))
          (should (string-search "w copy for an issue  q quit\n\nok    Emacs" text))
          (goto-char (point-min))
          (while (not (eobp))           ; the first lines are seen whole, others fold
            (should (or (> (line-number-at-pos) 3) (< (- (line-end-position) (point)) 80)))
            (forward-line))
          (search-backward "Free some")
          (should word-wrap)
          (should (equal (get-text-property (point) 'wrap-prefix) (make-string 21 ?\s))))))))

(ert-deftest pen-doctor-test-a-service-that-cannot-start-is-a-row-with-its-words ()
  (pen-rpc-test-with '("--fail")
    (pen-doctor-test-with pen-python-command
      (should (eq 'ok (car (pen-doctor-test-row "Python"))))
      (pcase-let ((`(,status ,said ,fix) (pen-doctor-test-row "service")))
        (should (eq status 'fail))
        (should (string-match-p "status 3" said))
        (should-not fix))               ; it would send to where one is
      (should (string-match-p "the moon is full" (nth 1 (pen-doctor-test-row "it said"))))
      (should-not (string-match-p "M-x pen-doctor" (buffer-string))))))

(ert-deftest pen-doctor-test-no-such-python ()
  (pen-rpc-test-with nil
    (pen-doctor-test-with "/nonexistent/python"
      (pcase-let ((`(,status ,said ,fix) (pen-doctor-test-row "Python")))
        (should (eq status 'fail))
        (should (string-match-p "/nonexistent/python" said))
        (should-not (string-match-p "M-x pen-doctor" (buffer-string)))
        (should (string-match-p "M-x pen-install-backend" fix)))
      (pcase-let ((`(,status ,_ ,fix) (pen-doctor-test-row "service")))
        (should (eq status 'fail))
        (should (string-match-p "to a Python that has pen-backend, or run M-x pen-install" fix)))
      (goto-char (point-min))
      (search-forward "M-x pen-install")
      (should (button-at (1- (point)))))))

(ert-deftest pen-doctor-test-an-old-python-and-a-broken-one ()
  (let ((old (pen-doctor-test-script
              "[ $1 = -c ] && echo 3.9.2 False - - - && echo /usr || { echo 'Unknown option: -P' >&2; exit 2; }\n"))
        (broken (pen-doctor-test-script "echo no libssl >&2; exit 127\n")))
    (unwind-protect
        (progn
          (pen-rpc-test-with nil
            (pen-doctor-test-with old
              (should (string-match-p "3.11 or later" (nth 1 (pen-doctor-test-row "Python"))))
              (should (eq 'fail (car (pen-doctor-test-row "packages"))))
              (should (string-match-p "older than Python 3.11"
                                      (nth 1 (pen-doctor-test-row "service"))))))
          (pen-rpc-test-with nil
            (pen-doctor-test-with broken
              (should (string-match-p "does not work: status 127.*no libssl"
                                      (nth 1 (pen-doctor-test-row "Python")))))))
      (delete-file old)
      (delete-file broken))))

;; A wrapper may greet or warn before, and what it warns of comes on the same pipe.
(ert-deftest pen-doctor-test-a-python-that-says-more-than-it-is-asked ()
  (dolist (case '(("echo Welcome to all of Python 3.11 here!; echo warned >&2; echo 3.11.7 True 0.1.0 0.0.5 1.0.2; echo /a b; echo bye\n"
                   ok "\\`3\\.11\\.7, ")
                  ("echo I am a teapot, no more and no less\n" fail
                   "does not work: status 0, it said: I am a teapot")))
    (pcase-let ((`(,script ,status ,said) case))
      (let ((python (pen-doctor-test-script script)))
        (unwind-protect
            (pen-rpc-fake-with (list (list "doctor-check" 'value nil))
              (pen-doctor-test-with python
                (should (eq status (car (pen-doctor-test-row "Python"))))
                (should (string-match-p said (nth 1 (pen-doctor-test-row "Python"))))
                (when (eq status 'ok)
                  (should (equal '(ok "/a b" nil) (pen-doctor-test-row "venv")))
                  (should (eq 'ok (car (pen-doctor-test-row "packages")))))))
          (delete-file python))))))

(ert-deftest pen-doctor-test-a-service-of-another-version-is-a-warning ()
  (pen-rpc-fake-with (list (list "doctor-check" 'value nil))
    (let ((pen-rpc--hello '(:methods-hash "other" :server "0.9" :protocol 1)))
      (pen-doctor-test-with pen-doctor-test-python
        (should (equal (cl-subseq (pen-doctor-test-row "service") 0 1) '(warn)))))))

(ert-deftest pen-doctor-test-a-service-that-never-answers ()
  (pen-rpc-fake-with (list (list "doctor-check" 'hang))
    (cl-letf (((symbol-value 'pen-doctor--seconds) 0.2))
      (pen-doctor-test-with pen-doctor-test-python
        (should (string-match-p "has not answered" (nth 1 (pen-doctor-test-row "service"))))))))

(ert-deftest pen-doctor-test-the-copy-has-no-home ()
  (pen-rpc-fake-with (list (list "doctor-check" 'value
                                 (list (list :name "disk" :status 'ok :fix nil
                                             :said (expand-file-name "~/x")))))
    (pen-doctor-test-with pen-doctor-test-python
      (pen-doctor-copy)
      (should (string-match-p "disk         ~/x" (current-kill 0))))))

(ert-deftest pen-doctor-test-the-log ()
  (pen-rpc-log "a line for %s" "the log")
  (save-window-excursion
    (with-current-buffer (pen-log)
      (should (derived-mode-p 'special-mode))
      (should word-wrap)
      (should (local-variable-p 'wrap-prefix))
      (should (string-match-p "a line for the log" (buffer-string)))
      (goto-char (point-min))
      (revert-buffer)                   ; the key g
      (should (eobp)))))

(ert-deftest pen-doctor-test-an-empty-log-says-where-the-other-one-is ()
  (when (get-buffer "*pen-log*")
    (kill-buffer "*pen-log*"))
  (save-window-excursion
    (should (string-match-p "Nothing was logged in this Emacs; M-x pen-doctor"
                            (pen-fixture-said (pen-log))))))

(provide 'pen-doctor-test)
;;; pen-doctor-test.el ends here
